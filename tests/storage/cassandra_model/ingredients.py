"""What the write protocol is made of: each ingredient with a server that lacks it, and a scenario in which that is
seen."""

from collections.abc import Callable
from typing import Final, NamedTuple

from tests.storage.cassandra_model.explorer import Scenario
from tests.storage.cassandra_model.mutants import (
    CarelessReads,
    ChangedRowsOnly,
    ClientTimestamps,
    DoneFirst,
    EarlyIntents,
    ForgetfulDelete,
    ForgottenPend,
    IntentFirst,
    LocalRowsApart,
    LowFence,
    OneTokenForAll,
    SentAgainUnseen,
    StandingApply,
    StandingLock,
    UnconditionalDecision,
    UnknownIsRefused,
    UnloggedBatch,
    UnseenLocks,
    VersionsByWallClock,
    WithoutFence,
    WithoutIntents,
    altered,
)
from tests.storage.cassandra_model.programs import reading
from tests.storage.cassandra_model.scenarios import (
    A,
    filled_index,
    one_writer,
    transaction_and,
    transactions,
    two_writers,
)
from tests.storage.cassandra_model.servers import BUILD, Build


def _written(build: Build) -> Scenario:
    return one_writer(A, b"BB", build=build)


def _created_beside_recovery(build: Build) -> Scenario:
    return one_writer((), b"BB", build=build, recovery=7)


def _written_twice(build: Build) -> Scenario:
    return two_writers(A, b"BB", b"CC", build=build, attempts=1)


def _written_at_one_time(build: Build) -> Scenario:
    return two_writers(A, b"BB", b"CC", (50, 50), build=build)


def _written_beside_recovery(build: Build) -> Scenario:
    return two_writers(A, b"BB", b"CC", build=build, recovery=7, attempts=1)


def _created_and_changed(build: Build) -> Scenario:
    return two_writers((), b"AA", b"AB", build=build)


def _deleted_and_created(build: Build) -> Scenario:
    return two_writers(A, None, b"AA", (50, 5), build=build)


def _timed_out(build: Build) -> Scenario:
    return one_writer(A, b"BB", build=build, faults=1)


def _one_timed_out(build: Build) -> Scenario:
    return two_writers(A, b"BB", b"CC", build=build, faults=1)


def _with_local_rows(build: Build) -> Scenario:
    return one_writer(A, b"BB", local=True, build=build)


def _in_transactions(build: Build) -> Scenario:
    return transactions(build=build)


def _undone(build: Build) -> Scenario:
    return transactions(build=build, undo=True)


def _filled(build: Build) -> Scenario:
    return filled_index(b"BA", build=build)


def _read(build: Build) -> Scenario:
    return transaction_and("a reader", ("reader", reading(build), 5))


class Mutant(NamedTuple):
    """The protocol without an ingredient, in a scenario that tells."""

    ingredient: str
    build: Build
    scenario: Callable[[Build], Scenario]

    def mutated(self) -> Scenario:
        """What must be violated."""
        return self.scenario(self.build)

    def whole(self) -> Scenario:
        """The same with nothing left out, which must not be violated."""
        return self.scenario(BUILD)


MUTANTS: Final = (
    Mutant("there are intents", altered(WithoutIntents), _written),
    Mutant("an intent is later than the row that was read", altered(EarlyIntents), _written_beside_recovery),
    Mutant("a fence is later than the intent", altered(LowFence), _created_beside_recovery),
    Mutant("recovery fences", altered(WithoutFence), _written_beside_recovery),
    Mutant("pend is merged", altered(ForgottenPend), _written_twice),
    Mutant("a deleted row is kept", altered(ForgetfulDelete), _deleted_and_created),
    Mutant("the batch with done is logged", altered(UnloggedBatch), _written),
    Mutant("the intent goes with the batch", altered(IntentFirst), _written),
    Mutant("the version is the timestamp", altered(ClientTimestamps), _written_twice),
    Mutant("versions grow, whatever the clock says", VersionsByWallClock(), _written_twice),
    Mutant("every attempt has its token", OneTokenForAll(), _written_at_one_time),
    Mutant("all rows are put where done is behind", ChangedRowsOnly(), _created_and_changed),
    Mutant("done comes last on the direct path", DoneFirst(), _written),
    Mutant("an unknown outcome is no refusal", altered(UnknownIsRefused), _timed_out),
    Mutant("who sends again knows that it does", altered(SentAgainUnseen), _one_timed_out),
    Mutant("local rows are in the item's own batch", altered(LocalRowsApart), _with_local_rows),
    Mutant("an index is filled as of the item's version", altered(ClientTimestamps), _filled),
    Mutant("a lock steps the version", altered(StandingLock), _in_transactions),
    Mutant("freeing a row steps the version", altered(StandingApply), _in_transactions),
    Mutant("the first decision counts", altered(UnconditionalDecision), _undone),
    Mutant("a transaction has intents", altered(WithoutIntents), _in_transactions),
    Mutant("readers see locks", altered(UnseenLocks), _read),
    Mutant("readers look again", CarelessReads(), _read),
)
