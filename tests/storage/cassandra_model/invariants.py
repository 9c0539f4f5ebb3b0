"""What must hold when nothing goes on any more, whatever has happened.

- Every acknowledged write is in the item's history, once, in an order that agrees with what was told when.
- After recovery, hidden rows are exactly those that follow from the items; nothing is held by a transaction, and no
  intent is left where recovery looks for them. What still arrives after recovery changes none of that, or leaves an
  intent that recovery finds.
- A transaction is in both items or in none, in the same order; no reader has seen anything else.
"""

from collections.abc import Iterator, Sequence

from magnetodb.model.rows import RowKey
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cql import ItemRow
from tests.storage.cassandra_model.database import Database
from tests.storage.cassandra_model.fake_session import BALLOT_FIRST
from tests.storage.cassandra_model.programs import Acknowledged, Failed, Read, names, recovered
from tests.storage.cassandra_model.servers import APART, INDEXES, ITEMS, KEYS, LOCAL, index_rows
from tests.storage.cassandra_model.worlds import SECOND, Finished, World
from tests.storage.cassandra_model.writes import Mutation


class Invariants:
    """Checks quiet worlds. `clock` is that of the last recovery; `deleters` are the writers that delete; `filler` is
    the process that fills the index of keys, whose rows are looked at only if it has said that it is done."""

    def __init__(
        self,
        clock: int,
        *,
        items: tuple[RowKey, ...] = APART,
        deleters: frozenset[str] = frozenset(),
        local: bool = False,
        filler: int | None = None,
    ) -> None:
        self._clock = clock
        self._items = items
        self._filler = filler
        self._deleters = deleters
        self._local = local
        self._recovered: dict[Database, Database] = {}

    def __call__(self, world: World) -> str:
        """What is wrong, in words; "" if nothing is."""
        return next(self._wrong(world), "")

    def _wrong(self, world: World) -> Iterator[str]:
        certain = [each.what for each in world.on_its_way if each.certain and isinstance(each.what, Mutation)]
        after = self._after_recovery(world.database.with_mutations(certain))
        filled = self._filler is None or _result(world.processes[self._filler]) is True
        yield from self._rows_wrong(after, filled)
        yield from self._told_wrong(world, after)
        if any(not each.certain for each in world.on_its_way):
            late = self._after_recovery(_arrived(after, world))
            yield from (f"after late deliveries: {wrong}" for wrong in self._rows_wrong(late, filled))
            yield from (f"after late deliveries: {wrong}" for wrong in self._told_wrong(world, late))

    def _after_recovery(self, database: Database) -> Database:
        known = self._recovered.get(database)
        if known is None:
            known = self._recovered[database] = recovered(database, self._clock, local=self._local)
        return known

    # Rows.

    def _rows_wrong(self, database: Database, filled: bool) -> Iterator[str]:
        expected: dict[RowKey, bytes] = {}
        for key in self._items:
            row = item_row(database, key)
            if row.ltx is not None:
                yield f"{key.partition!r} is held by a transaction"
            expected |= index_rows(key, row.v, local=self._local)
        found = hidden_rows(database)
        if not filled:
            found, expected = [{key: rows[key] for key in rows if key.table != KEYS} for rows in (found, expected)]
        if found != expected:
            yield f"hidden rows are {found}, and should be {expected}"
        noted = {slot for _, slot in database.rows(f"SELECT hour, slot FROM {cql.INTENT_SLOTS}", (), SECOND)}
        slots = {slot for (slot,) in database.rows(f"SELECT slot FROM {cql.INTENTS}", (), SECOND)}
        if noted & slots:
            yield "intents are left"

    # What was told.

    def _told_wrong(self, world: World, database: Database) -> Iterator[str]:
        values = [item_row(database, key).v for key in self._items]
        told = [(each.ended.result, each.began_after or frozenset()) for each in _finished(world)]
        for result, _ in told:
            if isinstance(result, Acknowledged):
                yield from self._lost(result, values, [each for each, _ in told if isinstance(each, Acknowledged)])
            if isinstance(result, Failed) and result.certain:
                yield from [f"{result.writer} failed, and is there" for each in values if result.name in names(each)]
        for value in values:
            if len(set(names(value))) != len(names(value)):
                yield f"written twice: {value!r}"
        yield from self._transactions_wrong(values)
        yield from self._order_wrong(world)
        for result, _ in told:
            if isinstance(result, Read) and len(result.keys) == 2:
                yield from (f"torn read: {wrong}" for wrong in self._transactions_wrong(result.values))

    def _lost(
        self, told: Acknowledged, values: Sequence[bytes | None], others: Sequence[Acknowledged]
    ) -> Iterator[str]:
        """The write is not in the history of its items, though nobody has deleted them since."""
        for key, old, version, value in zip(told.keys, told.old, told.versions, told.values, strict=True):
            final = values[self._items.index(key)]
            if value is not None and not self._deleters and told.name not in names(final):
                yield f"{told.writer} was acknowledged, and {final!r} is without it"
            for other in others:
                if other is told or key not in other.keys:
                    continue
                between = other.versions[other.keys.index(key)]
                if old is not None and old < between < version:
                    yield f"{told.writer} was written over {other.writer}, which it has not seen"
                if between == version:
                    yield f"{told.writer} and {other.writer} have the same version"
            newest = max([each.versions[each.keys.index(key)] for each in others if key in each.keys])
            if version == newest and not self._last_is(told.writer, value, final, others):
                yield f"{told.writer} was the last one acknowledged, and {final!r} is left"

    def _last_is(self, writer: str, value: bytes | None, final: bytes | None, others: Sequence[Acknowledged]) -> bool:
        """The item is as the last acknowledged write left it, or as one did that was not acknowledged."""
        if final == value:
            return True
        acknowledged = {each.writer for each in others}
        if final is None:
            return bool(self._deleters - acknowledged)
        return names(final)[-1].decode() not in acknowledged

    def _order_wrong(self, world: World) -> Iterator[str]:
        """Who began after another was told comes after it, and sees it."""
        for number, state in enumerate(world.processes):
            if not isinstance(state, Finished):
                continue
            for before in state.began_after or ():
                earlier = world.processes[before]
                assert isinstance(earlier, Finished)
                if isinstance(earlier.ended.result, Acknowledged):
                    yield from self._later_wrong(earlier.ended.result, state.ended.result, number)

    def _later_wrong(self, earlier: Acknowledged, later: object, number: int) -> Iterator[str]:
        for key, version in zip(earlier.keys, earlier.versions, strict=True):
            if not isinstance(later, Acknowledged | Read) or key not in later.keys:
                continue
            place = later.keys.index(key)
            if isinstance(later, Acknowledged):
                if later.versions[place] <= version:
                    yield f"{later.writer} began after {earlier.writer} was told, and is before it"
            elif not self._deleters and earlier.name not in names(later.values[place]):
                yield f"process {number} began after {earlier.writer} was told, and has not read it"

    def _transactions_wrong(self, values: Sequence[bytes | None]) -> Iterator[str]:
        """Transactions have names with a T, and write both items."""
        both = [[name for name in names(value) if name.startswith(b"T")] for value in values]
        if both[0] != both[1]:
            yield f"transactions are {both[0]} in one item, and {both[1]} in the other"


def item_row(database: Database, key: RowKey) -> ItemRow:
    """The row of an item."""
    rows = database.rows(cql.get(ITEMS), (key.partition, 0, key.sort), SECOND)
    return ItemRow(*rows[0]) if rows else ItemRow()


def hidden_rows(database: Database) -> dict[RowKey, bytes]:
    """All rows of indexes."""
    found = {}
    for table in INDEXES:
        for p, s, v in database.rows(f"SELECT p, s, v FROM {table}", (), SECOND):
            if v is not None:
                found[RowKey(table, p, s)] = v
    for p, x, s, v in database.rows(f"SELECT p, x, s, v FROM {ITEMS}", (), SECOND):
        if x == 1 and v is not None:
            found[RowKey(LOCAL, p, s)] = v
    return found


def _arrived(database: Database, world: World) -> Database:
    """After all that may arrive has arrived."""
    for each in sorted([each.what for each in world.on_its_way if not each.certain], key=repr):
        if isinstance(each, Mutation):
            database = database.with_mutations([each])
        else:
            database, _ = database.compare_and_set(each, BALLOT_FIRST, SECOND)
    return database


def _result(state: object) -> object:
    return state.ended.result if isinstance(state, Finished) else None


def _finished(world: World) -> list[Finished]:
    return [each for each in world.processes if isinstance(each, Finished)]
