"""Servers of a small service on the real write protocol: items with two indexes, and a storage manager's loop.

An item's value is b"AB 1.2": its key in the index `i_keys` (or "-": none), its key in `i_all`, and the writers that
have written it, in order. `i_keys` holds nothing but keys, so that a write which leaves the key leaves the row; `i_all`
holds the whole value, so that every write puts its row again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from magnetodb.errors import StorageError
from magnetodb.model.rows import ABSENT, CHECK, Change, Committed, DerivedRow, Row, RowKey
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.clock import HybridClock
from magnetodb.storage.cassandra.commit import Committer
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.schema import Place
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind, Session
from tests.storage.cassandra_model.database import Database
from tests.storage.cassandra_model.fake_session import FakeCassandra, FakeSession
from tests.storage.cassandra_model.worlds import SECOND

ITEMS, KEYS, ALL, LOCAL = "t_items", "i_keys", "i_all", "t_local"
INDEXES: Final = (KEYS, ALL)
HIDDEN: Final = frozenset(INDEXES)
"""Tables that no process of a scenario reads."""

WRITE_ATTEMPTS_MAX: Final = 2

ITEM: Final = RowKey(ITEMS, b"p", b"s")
OTHER_ITEM: Final = RowKey(ITEMS, b"q", b"s")


class Places:
    """Where the row tables are, all known."""

    def __init__(self) -> None:
        self.places = {name: Place(name, 0) for name in (ITEMS, *INDEXES)} | {LOCAL: Place(ITEMS, 1)}

    async def find(self, names: object) -> None:
        """All are known."""

    def forget(self, name: str) -> None:
        """None is dropped."""


class Acknowledged(NamedTuple):
    """What a writer was told. `old` is the version that it wrote over; None: there was no item."""

    writer: str
    old: int | None
    version: int
    value: bytes | None


class Unacknowledged(NamedTuple):
    """A writer that was told that it failed. `certain`: nothing was written."""

    writer: str
    certain: bool


def empty_database(local: bool = False) -> Database:
    """The tables, without rows."""
    database = Database()
    for text in (*cql.CREATE_OWN_TABLES, *[cql.create_table(name) for name in (ITEMS, *INDEXES)]):
        database = database.defined(text)
    return database


def index_rows(key: RowKey, value: bytes | None, *, local: bool = False) -> dict[RowKey, bytes]:
    """The derived rows of an item."""
    if value is None:
        return {}
    rows = {}
    sort = key.partition + b"/" + key.sort
    if value[0:1] != b"-":
        rows[RowKey(KEYS, value[0:1], sort)] = b"key"
    if value[1:2] != b"-":
        rows[RowKey(ALL, value[1:2], sort)] = value
        if local:
            rows[RowKey(LOCAL, key.partition, value[1:2] + key.sort)] = value
    return rows


def derived(key: RowKey, old: bytes | None, new: bytes | None, *, local: bool = False) -> tuple[DerivedRow, ...]:
    """What follows when an item changes; rows that stay as they are give nothing."""
    before, after = index_rows(key, old, local=local), index_rows(key, new, local=local)
    deletes = [DerivedRow(each, None) for each in before if each not in after]
    return (*deletes, *[DerivedRow(each, row) for each, row in after.items() if before.get(each) != row])


class Server:
    """A process of the service, made by `make_committer`: a mutant makes another one."""

    def __init__(self, session: Session, make_committer: "MakeCommitter", *, local: bool = False) -> None:
        self._session = session
        self._local = local
        self._tables = Places()
        self.committer = make_committer(session, HybridClock(session.now), self._tables, self._derive)

    async def _derive(self, key: RowKey, value: bytes) -> tuple[DerivedRow, ...]:
        return derived(key, None, value, local=self._local)

    async def get(self, keys: Sequence[RowKey]) -> list[Row | None]:
        """Rows to be written, as the driver reads them."""
        calls = [self._select(key) for key in keys]
        if len(calls) == 1:
            results = [await self._session.execute(calls[0])]
        else:
            results = await self._session.execute_together(calls)
        found = []
        for result in results:
            if isinstance(result, Exception):
                raise result
            found.append(ItemRow(*result.rows[0]) if result.rows else ItemRow())
        rows: list[Row | None] = []
        for key, row in zip(keys, await self.committer.settled(keys, found), strict=True):
            self.committer.remember(key, row)
            rows.append(None if row.v is None else Row(key, row.v, row.ver or 0, False, row))
        return rows

    def change(self, row: Row | None, key: RowKey, value: bytes | None) -> Change:
        """The change of a row that was read."""
        old = None if row is None else row.value
        expected = ABSENT if row is None else row
        if value == old:
            return Change(key, expected, CHECK)
        return Change(key, expected, value, derived(key, old, value, local=self._local))

    def _select(self, key: RowKey) -> Call:
        place = self._tables.places[key.table]
        bound = Bound(cql.get(place.table), (key.partition, place.x, key.sort))
        return Call((bound,), Kind.SINGLE, Consistency.LOCAL_QUORUM, True)


MakeCommitter = Callable[[Session, HybridClock, Places, Callable[[RowKey, bytes], Awaitable[Any]]], Committer]


def committer(session: Session, clock: HybridClock, tables: Places, derive: Any) -> Committer:
    """As the product makes it, but that recovery takes intents of any age: how old they are is for speed alone."""
    return Committer(session, clock, tables, derive=derive, recovery_age_seconds=0)


def written(old: bytes | None, keys: bytes | None, writer: str) -> bytes | None:
    """The value after a writer: with these index keys and its name, or None: it deletes."""
    if keys is None:
        return None
    names = [] if old is None else old.split(b" ")[1].split(b".")
    return keys + b" " + b".".join([*names, writer.encode()])


def writing(writer: str, keys: bytes | None, make: MakeCommitter = committer, *, local: bool = False) -> Any:
    """A process that writes the item once, as the storage manager does: again, if it was lost."""

    async def main(session: Session) -> Acknowledged | Unacknowledged:
        server = Server(session, make, local=local)
        try:
            for _ in range(WRITE_ATTEMPTS_MAX):
                (row,) = await server.get((ITEM,))
                change = server.change(row, ITEM, written(row and row.value, keys, writer))
                (outcome,) = await server.committer.commit([(change,)])
                if isinstance(outcome, Committed):
                    value = change.value if change.value is not CHECK else row and row.value
                    return Acknowledged(writer, row and row.version, outcome.versions[0], value)
        except StorageError:
            return Unacknowledged(writer, False)
        return Unacknowledged(writer, True)

    return main


def recovering(make: MakeCommitter = committer, *, local: bool = False) -> Any:
    """A process that finishes what others left behind, once."""

    async def main(session: Session) -> object:
        try:
            return await Server(session, make, local=local).committer.recover()
        except StorageError:
            return None

    return main


def recovered(database: Database, clock: int, make: MakeCommitter = committer, *, local: bool = False) -> Database:
    """The database after a recovery that nothing disturbs, and that has nothing left to do."""
    cassandra = FakeCassandra(lambda: SECOND)
    cassandra.database = database
    session = FakeSession(cassandra, lambda: clock)
    asyncio.run(recovering(make, local=local)(session))
    return cassandra.database
