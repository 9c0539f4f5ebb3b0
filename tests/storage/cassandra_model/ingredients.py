"""What the write protocol is made of, each with the scenario in which its absence is seen."""

from collections.abc import Callable
from typing import Final, NamedTuple

from tests.storage.cassandra_model.explorer import Scenario
from tests.storage.cassandra_model.mutants import (
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
from tests.storage.cassandra_model.processes import Main
from tests.storage.cassandra_model.programs import reading, reading_carelessly
from tests.storage.cassandra_model.scenarios import (
    A,
    filled_index,
    one_writer,
    transaction_and,
    transactions,
    two_writers,
)
from tests.storage.cassandra_model.servers import Build


class Mutant(NamedTuple):
    """The protocol without an ingredient, in a scenario that tells."""

    ingredient: str
    scenario: Callable[[], Scenario]


MUTANTS: Final = (
    Mutant("intents", lambda: one_writer(A, b"BB", build=altered(WithoutIntents))),
    Mutant("an intent's version is later than the row's", lambda: two_recovered(altered(EarlyIntents))),
    Mutant("a fence is later than the intent", lambda: one_writer((), b"BB", build=altered(LowFence), recovery=7)),
    Mutant("recovery fences", lambda: two_recovered(altered(WithoutFence))),
    Mutant("pend is merged", lambda: two_writers(A, b"BB", b"CC", build=altered(ForgottenPend))),
    Mutant("a deleted row keeps its version", lambda: deleted(altered(ForgetfulDelete))),
    Mutant("the batch of done is logged", lambda: one_writer(A, b"BB", build=altered(UnloggedBatch))),
    Mutant("the intent goes with the batch", lambda: one_writer(A, b"BB", build=altered(IntentFirst))),
    Mutant("the version is the timestamp", lambda: two_writers(A, b"BB", b"CC", build=altered(ClientTimestamps))),
    Mutant("versions grow, whatever the clock says", lambda: two_writers(A, b"BB", b"CC", build=VersionsByWallClock())),
    Mutant("every attempt has its token", lambda: two_writers(A, b"BB", b"CC", (50, 50), build=OneTokenForAll())),
    Mutant("all rows are put where done is behind", lambda: two_writers((), b"AA", b"AB", build=ChangedRowsOnly())),
    Mutant("done comes last on the direct path", lambda: one_writer(A, b"BB", build=DoneFirst())),
    Mutant("an unknown outcome is no refusal", lambda: one_writer(A, b"BB", build=altered(UnknownIsRefused), faults=1)),
    Mutant(
        "who sends again knows that it does",
        lambda: two_timed_out(altered(SentAgainUnseen)),
    ),
    Mutant(
        "local rows are in the item's own batch",
        lambda: with_local_row(altered(LocalRowsApart)),
    ),
    Mutant("a lock steps the version", lambda: transactions(build=altered(StandingLock))),
    Mutant("freeing a row steps the version", lambda: transactions(build=altered(StandingApply))),
    Mutant("the first decision counts", lambda: transactions(build=altered(UnconditionalDecision), undo=True)),
    Mutant("a transaction has intents", lambda: transactions(build=altered(WithoutIntents))),
    Mutant("an index is filled as of the item's version", lambda: filled_index(b"BA", build=altered(ClientTimestamps))),
    Mutant("readers see locks", lambda: read_by(reading(altered(UnseenLocks)))),
    Mutant("readers compare what they have read", lambda: read_by(reading_carelessly())),
)


def two_recovered(build: Build) -> Scenario:
    """Two writers, and a recovery that begins early."""
    return two_writers(A, b"BB", b"CC", build=build, recovery=7)


def read_by(reader: Main) -> Scenario:
    """A transaction, and a reader who should see it whole."""
    return transaction_and("a reader", ("reader", reader, 5))


def two_timed_out(build: Build) -> Scenario:
    """Two writers, and a time-out."""
    return two_writers(A, b"BB", b"CC", build=build, faults=1)


def deleted(build: Build) -> Scenario:
    """A writer that deletes, and one with a slower clock that creates the item again."""
    return two_writers(A, None, b"AA", (50, 5), build=build)


def with_local_row(build: Build) -> Scenario:
    """A writer of an item that has a row in a local table."""
    return one_writer(A, b"BB", local=True, build=build)
