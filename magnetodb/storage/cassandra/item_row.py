"""An item row in Cassandra: where it is, what its columns say, and what a change makes of it. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from magnetodb.model.rows import CHECK, Change, Check, DerivedRow
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cql import DEAD_ROW_SECONDS, ItemRow
from magnetodb.storage.cassandra.session import Bound

FORMAT: Final = b"\x01"
"""First byte of `pend` and `lnew`. Written to disk: do not change."""

PEND_KEYS_MAX: Final = 100
"""An item with more hidden rows that may have to go is brought in step before it is written again."""

MISSING: Final = ItemRow()

_PUT: Final = b"p"
_DELETE: Final = b"d"
_CHECK: Final = b"c"


class Position(NamedTuple):
    """Where a row is: the CQL table, and its primary key as Cassandra stores it."""

    table: str
    x: int
    partition: bytes
    sort: bytes

    @property
    def key(self) -> tuple[bytes, int, bytes]:
        """The values of p, x, s."""
        return self[2], self[1], self[3]

    @property
    def home(self) -> tuple[str, bytes]:
        """What one lightweight transaction may span: a partition of a CQL table."""
        return self[0], self[2]


class HiddenRows(NamedTuple):
    """What one version of an item makes of its hidden rows. `deletes` has none of the keys of `puts`."""

    position: Position
    version: int
    time_to_live: int
    puts: tuple[tuple[Position, bytes], ...]
    deletes: tuple[Position, ...]


class Followed(NamedTuple):
    """Derived rows by where they are: rows of local tables in the item's own partition, and hidden rows."""

    local_puts: tuple[tuple[Position, bytes], ...] = ()
    local_deletes: tuple[Position, ...] = ()
    puts: tuple[tuple[Position, bytes], ...] = ()
    deletes: tuple[Position, ...] = ()

    @property
    def hidden(self) -> bool:
        """Hidden rows change."""
        return bool(self.puts or self.deletes)


class Lock(NamedTuple):
    """What `lnew` says: what a transaction will make of the row that it holds. `value` None deletes. `derives`: derived
    rows follow, of which `deletes` are those to be deleted, and those to be put follow from the new value."""

    value: bytes | Check | None
    derives: bool
    deletes: tuple[Position, ...]


class Planned(NamedTuple):
    """One change against the row as it was read: the statements of the lightweight transaction, the row that they leave
    behind, and the hidden rows to be written then (None: none)."""

    position: Position
    before: ItemRow
    after: ItemRow
    statements: tuple[Bound, ...]
    hidden: HiddenRows | None


def in_step(row: ItemRow) -> bool:
    """Its hidden rows are as it says, or will be without anybody's help."""
    return row.iver is None or (row.done is not None and row.done >= row.iver)


def seconds_to_live(value: bytes | None) -> int:
    """The TTL of the columns of a row with this value: a dead row is kept for a while."""
    return DEAD_ROW_SECONDS if value is None else 0


def followed(position: Position, derived: Iterable[tuple[Position, bytes | None]]) -> Followed:
    """The derived rows of the item at `position`. A row that is both put and deleted is put."""
    home = position.home
    local_puts: dict[Position, bytes] = {}
    puts: dict[Position, bytes] = {}
    deletes: list[Position] = []
    for each, value in derived:
        if value is None:
            deletes.append(each)
        elif each.home == home:
            local_puts[each] = value
        else:
            puts[each] = value
    if not deletes:
        return Followed(tuple(local_puts.items()), (), tuple(puts.items()), ())
    distinct = dict.fromkeys(deletes)
    return Followed(
        tuple(local_puts.items()),
        tuple([each for each in distinct if each.home == home and each not in local_puts]),
        tuple(puts.items()),
        tuple([each for each in distinct if each.home != home and each not in puts]),
    )


def completed(change: Change, derived: Iterable[DerivedRow]) -> tuple[DerivedRow, ...]:
    """The derived rows of a change of a row that is not in step: its deletions, and all rows that follow from its new
    value, because what an earlier write had to put may be nowhere yet."""
    return (*[each for each in change.derived if each.value is None], *derived)


def plan(
    position: Position,
    before: ItemRow,
    value: bytes | Check | None,
    rows: Followed,
    version: int,
    token: UUID,
) -> Planned:
    """The change of a row that nobody holds, or that is held by the transaction that makes it. `rows` are complete if
    the row is not in step."""
    kept = before.v if value is CHECK else value
    seconds = seconds_to_live(kept)
    deletes: tuple[Position, ...] = ()
    if rows.hidden:
        deletes = _pending(before, rows)
        pend, iver = encode_positions(deletes) if deletes else None, version
    elif in_step(before):
        pend, iver = None, None
    else:
        pend, iver = before.pend, before.iver
    table, key = position.table, position.key
    held = before.ltx is not None
    if value is CHECK:
        text = cql.unlock(table) if held else cql.fence(table)
        own = Bound(text, (seconds, version, token, iver, pend, *key, before.ver, before.tok))
    else:
        text = cql.put_unlocked(table) if held else cql.put(table)
        own = Bound(text, (seconds, kept, version, token, iver, pend, *key, before.ver, before.tok))
    statements = [own]
    for each, local in rows.local_puts:
        statements.append(Bound(cql.put_local(table), (local, *each.key)))
    for each in rows.local_deletes:
        statements.append(Bound(cql.delete_local(table), each.key))
    after = ItemRow(kept, version, token, iver, pend, before.done)
    hidden = HiddenRows(position, version, seconds, rows.puts, deletes) if rows.hidden else None
    return Planned(position, before, after, tuple(statements), hidden)


def plan_lock(position: Position, before: ItemRow, lock: Lock, transaction: UUID, version: int, token: UUID) -> Planned:
    """The row, held by a transaction."""
    lnew = encode_lock(lock)
    values = (seconds_to_live(before.v), version, token, transaction, lnew, *position.key, before.ver, before.tok)
    after = before._replace(ver=version, tok=token, ltx=transaction, lnew=lnew)
    return Planned(position, before, after, (Bound(cql.lock(position.table), values),), None)


def plan_fence(position: Position, before: ItemRow, version: int, token: UUID) -> Planned:
    """A new version of a row, so that no write that was decided from its present one is applied any more."""
    new = (seconds_to_live(before.v), version, token, before.iver, before.pend)
    own = Bound(cql.fence(position.table), (*new, *position.key, before.ver, before.tok))
    return Planned(position, before, before._replace(ver=version, tok=token), (own,), None)


def plan_check(position: Position, before: ItemRow) -> Planned:
    """A comparison in a conditional batch: it leaves the row as it is."""
    bound = Bound(cql.check(position.table), (*position.key, before.ver, before.tok))
    return Planned(position, before, before, (bound,), None)


def outstanding(position: Position, row: ItemRow, puts: tuple[tuple[Position, bytes], ...]) -> HiddenRows:
    """What brings a row in step as it is; `puts` are all hidden rows that follow from its value."""
    assert row.ver is not None
    put = {each for each, _ in puts}
    deletes = tuple([each for each in decode_positions(row.pend) if each not in put])
    return HiddenRows(position, row.ver, seconds_to_live(row.v), puts, deletes)


def _pending(before: ItemRow, rows: Followed) -> tuple[Position, ...]:
    """Hidden rows that the new version has to delete: its own, and those that earlier ones perhaps have not."""
    if in_step(before):
        return rows.deletes
    put = {each for each, _ in rows.puts}
    known = dict.fromkeys((*decode_positions(before.pend), *rows.deletes))
    return tuple([each for each in known if each not in put])


# ---- what is on disk


def encode_positions(positions: Iterable[Position]) -> bytes:
    """Positions as a blob."""
    return FORMAT + _encoded(positions)


def decode_positions(blob: bytes | None) -> tuple[Position, ...]:
    """The positions of a blob; null has none."""
    return () if blob is None else _decoded(blob, 1)[0]


def encode_lock(lock: Lock) -> bytes:
    """A lock as a blob: format, kind, whether it derives, number of deletions, deletions, value."""
    kind = _CHECK if lock.value is CHECK else _DELETE if lock.value is None else _PUT
    value = lock.value if isinstance(lock.value, bytes) else b""
    count = len(lock.deletes).to_bytes(4, "big")
    return FORMAT + kind + (b"\x01" if lock.derives else b"\x00") + count + _encoded(lock.deletes) + value


def decode_lock(blob: bytes) -> Lock:
    """The lock of a blob."""
    kind, derives, count = blob[1:2], blob[2] == 1, int.from_bytes(blob[3:7], "big")
    deletes, end = _decoded(blob, 7, count)
    value = CHECK if kind == _CHECK else None if kind == _DELETE else blob[end:]
    return Lock(value, derives, deletes)


def _encoded(positions: Iterable[Position]) -> bytes:
    parts = []
    for table, x, partition, sort in positions:
        name = table.encode()
        parts.append(bytes((len(name), x)) + name)
        parts.append(len(partition).to_bytes(4, "big") + partition + len(sort).to_bytes(4, "big") + sort)
    return b"".join(parts)


def _decoded(blob: bytes, start: int, count: int | None = None) -> tuple[tuple[Position, ...], int]:
    """As many positions as there are from `start`, or `count`; and where they end."""
    found: list[Position] = []
    while start < len(blob) if count is None else len(found) < count:
        name_end = start + 2 + blob[start]
        partition, partition_end = _part(blob, name_end)
        sort, end = _part(blob, partition_end)
        found.append(Position(blob[start + 2 : name_end].decode(), blob[start + 1], partition, sort))
        start = end
    return tuple(found), start


def _part(blob: bytes, start: int) -> tuple[bytes, int]:
    end = start + 4 + int.from_bytes(blob[start : start + 4], "big")
    return blob[start + 4 : end], end
