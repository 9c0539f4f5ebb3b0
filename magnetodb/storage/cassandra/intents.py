"""Intents: notes of the rows that are about to be written, by which recovery finds what a crash left undone.

An intent is written before the item's lightweight transaction and goes with the batch of its hidden rows. Intents lie
in slots, one partition each. A slot belongs to one process for some seconds and is never used again: its number is the
time and some random bits. Each is noted under the hour of that time before anything relies on it, so that recovery
finds the slots of processes whose clocks are wrong too.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import getrandbits
from typing import Final, NamedTuple
from uuid import UUID

from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.item_row import Position
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind, Session
from magnetodb.storage.cassandra.session_errors import CassandraError

SLOT_MICROSECONDS: Final = 10_000_000
SLOT_INTENTS_MAX: Final = 900
"""A process takes another slot when one is so old, or has had so many intents: each of them leaves a tombstone, and
Cassandra warns of reads that meet a thousand."""

INTENT_SECONDS_MAX: Final = 60.0
"""An intent that is older is not relied upon: recovery may be through with its slot."""

BATCH_BYTES_MAX: Final = 40_000
"""Of intents that are written together. Cassandra refuses batches of 50 KiB by default."""

PARTS_PER_HOUR: Final = 6

_RANDOM_BITS: Final = 20
_SLOTS_PER_HOUR: Final = 3_600_000_000 // SLOT_MICROSECONDS
_INTENT_BYTES: Final = 120


class Intent(NamedTuple):
    """A row that is about to be written by the attempt `token`, from a version before `version`."""

    slot: int
    version: int
    token: UUID
    position: Position

    def removal(self) -> Bound:
        """The statement that removes it."""
        return Bound(cql.DELETE_INTENT, (self.version + 1, self.slot, self.version, self.token))


class Intents:
    """The intents of this process."""

    def __init__(self, session: Session, *, random_bits: Callable[[int], int] = getrandbits) -> None:
        self._session = session
        self._random_bits = random_bits
        self._slot = -1
        self._noted = False
        self._written = 0

    async def write(self, rows: Sequence[tuple[Position, int, UUID]]) -> tuple[Intent, ...]:
        """Intents to write rows, each with a version that is later than the row's, and its attempt. They are durable.
        Raises CassandraErrors; then none of the rows may be written."""
        slot, noted = self._current(len(rows))
        intents = tuple([Intent(slot, version, token, position) for position, version, token in rows])
        calls = _calls([_insertion(intent) for intent in intents], [_size(intent) for intent in intents])
        if not noted:
            values = (hour_of(slot), slot, time_of(slot))
            calls.append(_call((Bound(cql.INSERT_INTENT_SLOT, values),)))
        if len(calls) == 1:
            await self._session.execute(calls[0])
        else:
            for result in await self._session.execute_together(calls):
                if isinstance(result, CassandraError):
                    raise result
            if slot == self._slot:
                self._noted = True
        return intents

    async def remove(self, intents: Sequence[Intent]) -> None:
        """Remove the intents of attempts of which it is known that they can't be applied any more, or that nothing is
        left to do for. Those that can't be removed now are left to recovery."""
        if intents:
            for slot in dict.fromkeys([intent.slot for intent in intents]):
                own = [intent.removal() for intent in intents if intent.slot == slot]
                await self._session.execute_together(_calls(own, [_INTENT_BYTES] * len(own), urgent=True))

    def fresh(self, intents: Sequence[Intent]) -> bool:
        """None of them is too old."""
        oldest = self._session.now() - int(INTENT_SECONDS_MAX * 1_000_000)
        return all(time_of(intent.slot) >= oldest for intent in intents)

    def _current(self, count: int) -> tuple[int, bool]:
        """The slot for so many more intents, and whether it is noted."""
        time = self._session.now() // SLOT_MICROSECONDS
        if self._slot >> _RANDOM_BITS != time or self._written + count > SLOT_INTENTS_MAX:
            self._slot = time << _RANDOM_BITS | self._random_bits(_RANDOM_BITS)
            self._noted = False
            self._written = 0
        self._written += count
        return self._slot, self._noted


def time_of(slot: int) -> int:
    """When the slot began, in microseconds, by the clock of its process."""
    return (slot >> _RANDOM_BITS) * SLOT_MICROSECONDS


def first_slot(microseconds: int) -> int:
    """No slot of that time or later has a lower number."""
    return microseconds // SLOT_MICROSECONDS << _RANDOM_BITS


def hour_of(slot: int) -> int:
    """The hour under which a slot is noted."""
    return (slot >> _RANDOM_BITS) // _SLOTS_PER_HOUR


def hour_at(microseconds: int) -> int:
    """The hour under which the slots of a time are noted."""
    return microseconds // SLOT_MICROSECONDS // _SLOTS_PER_HOUR


def parts_of(hour: int) -> list[tuple[int, int]]:
    """The numbers that slots of an hour have, in parts of equal time: from a number on, and below another."""
    times = _SLOTS_PER_HOUR // PARTS_PER_HOUR
    bounds = [hour * _SLOTS_PER_HOUR + times * each << _RANDOM_BITS for each in range(PARTS_PER_HOUR + 1)]
    return list(pairwise(bounds))


def _insertion(intent: Intent) -> Bound:
    slot, version, token, position = intent
    return Bound(cql.INSERT_INTENT, (slot, version, token, position.table, *position.key, version))


def _size(intent: Intent) -> int:
    return _INTENT_BYTES + len(intent.position.partition) + len(intent.position.sort)


def _calls(statements: Sequence[Bound], sizes: Sequence[int], *, urgent: bool = False) -> list[Call]:
    """The statements, which are of one slot, in as few messages as the server accepts."""
    calls: list[Call] = []
    start = size = 0
    for position, each in enumerate(sizes):
        if size + each > BATCH_BYTES_MAX and position > start:
            calls.append(_call(tuple(statements[start:position]), urgent))
            start, size = position, 0
        size += each
    calls.append(_call(tuple(statements[start:]), urgent))
    return calls


def _call(statements: tuple[Bound, ...], urgent: bool = False) -> Call:
    kind = Kind.SINGLE if len(statements) == 1 else Kind.UNLOGGED
    return Call(statements, kind, Consistency.LOCAL_QUORUM, True, urgent)
