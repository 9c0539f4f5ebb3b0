"""Servers of a small service on the real write protocol: items with two indexes, and a storage manager's loop.

An item's value is b"AB 1.2": its key in the index `i_keys` (or "-": none), its key in `i_all`, and the writers that
have written it, in order. `i_keys` holds nothing but keys, so that a write which leaves the key leaves the row; `i_all`
holds the whole value, so that every write puts its row again.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from magnetodb.model.rows import ABSENT, CHECK, Change, DerivedRow, Row, RowKey
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.clock import HybridClock
from magnetodb.storage.cassandra.commit import Committer
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.schema import Place
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind, Result, Session
from magnetodb.storage.cassandra.session_errors import CassandraError
from tests.storage.cassandra_model.database import Database

ITEMS, KEYS, ALL, LOCAL = "t_items", "i_keys", "i_all", "t_local"
INDEXES: Final = (KEYS, ALL)
ITEM: Final = RowKey(ITEMS, b"p", b"s")
OTHER_ITEM: Final = RowKey(ITEMS, b"q", b"s")
SIBLING: Final = RowKey(ITEMS, b"p", b"t")
"""In the partition of ITEM."""

APART: Final = (ITEM, OTHER_ITEM)
TOGETHER: Final = (ITEM, SIBLING)


class Places:
    """Where the row tables are, all known."""

    def __init__(self) -> None:
        self.places = {name: Place(name, 0) for name in (ITEMS, *INDEXES)} | {LOCAL: Place(ITEMS, 1)}

    async def find(self, names: object) -> None:
        """All are known."""

    async def gone(self, names: object) -> set[str]:
        """None is dropped."""
        return set()


def empty_database() -> Database:
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


class Build:
    """What a server is made of: the product's parts. A mutant replaces one."""

    def session(self, session: Session) -> Session:
        """What is between the protocol and Cassandra: nothing."""
        return session

    def clock(self, session: Session) -> HybridClock:
        """Where versions come from."""
        return HybridClock(session.now)

    def committer(
        self, session: Session, clock: HybridClock, tables: Places, derive: Any, new_uuid: Callable[[], UUID]
    ) -> Committer:
        """As the product makes it, but that recovery takes intents of any age: that they are let be for a while is for
        speed alone."""
        return Committer(session, clock, tables, derive=derive, recovery_age_seconds=0, new_uuid=new_uuid)


BUILD: Final = Build()


class ModelSession(Session, Protocol):
    """A session that is a process's source of uuids too, so that nothing but its answers decides what it does."""

    def new_uuid(self) -> UUID:
        """Another one at each call."""


class Server:
    """A process of the service. `local`: items have rows of a local table, too."""

    def __init__(self, session: ModelSession, build: Build = BUILD, *, local: bool = False) -> None:
        self.session = build.session(session)
        self._local = local
        self._tables = Places()
        clock = build.clock(self.session)
        self.committer = build.committer(self.session, clock, self._tables, self._derive, session.new_uuid)

    async def _derive(self, key: RowKey, value: bytes) -> tuple[DerivedRow, ...]:
        return derived(key, None, value, local=self._local)

    async def read(self, keys: Sequence[RowKey]) -> list[ItemRow]:
        """Rows as a quorum has them. Raises CassandraErrors."""
        calls = [self._select(key) for key in keys]
        if len(calls) == 1:
            results: Sequence[Result | CassandraError] = [await self.session.execute(calls[0])]
        else:
            results = await self.session.execute_together(calls)
        rows = []
        for result in results:
            if isinstance(result, CassandraError):
                raise result
            rows.append(ItemRow(*result.rows[0]) if result.rows else ItemRow())
        return rows

    async def get(self, keys: Sequence[RowKey]) -> list[Row | None]:
        """Rows to be written, as the driver reads them."""
        rows: list[Row | None] = []
        for key, row in zip(keys, await self.committer.settled(keys, await self.read(keys)), strict=True):
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
