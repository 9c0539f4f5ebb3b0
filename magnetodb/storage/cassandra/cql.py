"""Every statement that is sent to Cassandra. Names are quoted, values are bound, columns are named.

A row table is a CQL table of its own, or lives in another one's partitions (`x`):

    p, x, s   partition; 0 or the number of the local table; sort key
    v         the value; null where there is no row
    ver, tok  version, and the attempt that wrote it
    iver      the last version that changed hidden rows
    pend      keys of hidden rows, other than the present ones, that may still be live
    done      the highest iver whose hidden rows are known to be in the batchlog; only plain batches write it, with its
              value as the timestamp
    ltx, lnew the transaction that holds the row, and what it will make of it

All but `done` are written by lightweight transactions. A hidden row has p, x, s and v alone, with the item's version as
the timestamp. Rows are made by UPDATE: an INSERT would leave a row marker that outlives cells with a TTL.

The functions take a CQL table's name and say which values are bound, in their order, where the text does not show it.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

INTENTS: Final = "magnetodb_intents"
INTENT_SLOTS: Final = "magnetodb_intent_slots"
TRANSACTIONS: Final = "magnetodb_transactions"
LOCAL_TABLES: Final = "magnetodb_local_tables"
FORMAT: Final = "magnetodb_format"
OWN_PREFIX: Final = "magnetodb_"
"""No row table's id may begin so."""

DEAD_ROW_SECONDS: Final = 259_200
"""A deleted row keeps its version so long, and an intent is kept so long: 3 days."""

INTENT_SLOT_SECONDS: Final = 345_600
"""4 days: a slot is known longer than the intents in it."""

TRANSACTION_SECONDS: Final = 2_592_000
"""The decision of a transaction is kept so long: 30 days. Within it recovery must have run: who meets a row that the
transaction still holds later takes it for undone."""

KEY: Final = "p = ? AND x = ? AND s = ?"


class ItemRow(NamedTuple):
    """The columns of an item row that is not part of its key, in the order in which `get` selects them. Each is None
    where it is null; all are in a row that is missing."""

    v: bytes | None = None
    ver: int | None = None
    tok: Any = None
    iver: int | None = None
    pend: bytes | None = None
    done: int | None = None
    ltx: Any = None
    lnew: bytes | None = None


ITEM_COLUMNS: Final = ", ".join(ItemRow._fields)


# ---- reads


def get(table: str) -> str:
    """All columns of one row. Binds p, x, s."""
    return f'SELECT {ITEM_COLUMNS} FROM "{table}" WHERE {KEY}'


def get_value(table: str) -> str:
    """v and ver of one row. Binds p, x, s."""
    return f'SELECT v, ver FROM "{table}" WHERE {KEY}'


def query(table: str, *, bounded: bool, reverse: bool, locks: bool) -> str:
    """s, v, ver (`locks`: and ltx, lnew) of rows of one partition. Binds p, x, start, end if `bounded`, limit."""
    end = " AND s < ?" if bounded else ""
    order = "x DESC, s DESC" if reverse else "x ASC, s ASC"
    return (
        f'SELECT s, v, ver{", ltx, lnew" if locks else ""} FROM "{table}"'
        f" WHERE p = ? AND x = ? AND s >= ?{end} ORDER BY {order} LIMIT ?"
    )


def scan(table: str, *, local: bool) -> str:
    """p, s, v, ver, ltx, lnew of rows in a range of tokens, both ends included. Binds the first and the last token, x
    if the table has local tables (`local`), limit."""
    x = " AND x = ?" if local else ""
    return (
        f'SELECT p, s, v, ver, ltx, lnew FROM "{table}" WHERE token(p) >= ? AND token(p) <= ?{x} LIMIT ?'
        f"{' ALLOW FILTERING' if local else ''}"
    )


def partitions(table: str) -> str:
    """The partitions in a range of tokens, both ends included. Binds the first and the last token, limit."""
    return f'SELECT DISTINCT p FROM "{table}" WHERE token(p) >= ? AND token(p) <= ? LIMIT ?'


# ---- item rows, by lightweight transactions

SET_ITEM: Final = "USING TTL ? SET v = ?, ver = ?, tok = ?, iver = ?, pend = ?"
UNCHANGED: Final = "IF ver = ? AND tok = ?"
"""True of a row that is missing, if both are null."""


def put(table: str) -> str:
    """An item row if it is as it was read. Binds TTL, v, ver, tok, iver, pend; p, x, s; the ver and tok expected.

    A deletion puts v null with the TTL DEAD_ROW_SECONDS, everything else has the TTL 0. If it is not applied, found has
    ver and tok.
    """
    return f'UPDATE "{table}" {SET_ITEM} WHERE {KEY} {UNCHANGED}'


def put_blindly(table: str) -> str:
    """An item row whatever it is, as a lightweight transaction. Binds TTL, v, ver, tok, iver, pend; p, x, s."""
    return f'UPDATE "{table}" {SET_ITEM} WHERE {KEY} IF ver != -1'


def fence(table: str) -> str:
    """A new version of an item row, whose value stays. Binds TTL, ver, tok, iver, pend; p, x, s; the ver and tok
    expected."""
    return f'UPDATE "{table}" USING TTL ? SET ver = ?, tok = ?, iver = ?, pend = ? WHERE {KEY} {UNCHANGED}'


def lock(table: str) -> str:
    """An item row held by a transaction. Binds TTL, ver, tok, ltx, lnew; p, x, s; the ver and tok expected."""
    return f'UPDATE "{table}" USING TTL ? SET ver = ?, tok = ?, ltx = ?, lnew = ? WHERE {KEY} {UNCHANGED}'


def put_unlocked(table: str) -> str:
    """As `put`, and no transaction holds the row any more. Binds the same."""
    return f'UPDATE "{table}" {SET_ITEM}, ltx = null, lnew = null WHERE {KEY} {UNCHANGED}'


def unlock(table: str) -> str:
    """As `fence`, and no transaction holds the row any more. Binds the same."""
    return (
        f'UPDATE "{table}" USING TTL ? SET ver = ?, tok = ?, iver = ?, pend = ?, ltx = null, lnew = null'
        f" WHERE {KEY} {UNCHANGED}"
    )


def check(table: str) -> str:
    """Compare an item row that nobody holds, in a conditional batch. Binds p, x, s; the ver and tok expected."""
    return f'UPDATE "{table}" SET lnew = null WHERE {KEY} {UNCHANGED}'


def put_local(table: str) -> str:
    """A row of a local table, in the conditional batch of its item. Binds v; p, x, s."""
    return f'UPDATE "{table}" SET v = ? WHERE {KEY}'


def delete_local(table: str) -> str:
    """A row of a local table, in the conditional batch of its item. Binds p, x, s."""
    return f'DELETE FROM "{table}" WHERE {KEY}'


# ---- hidden rows, by batches


def put_hidden(table: str) -> str:
    """Binds the timestamp, v; p, x, s."""
    return f'UPDATE "{table}" USING TIMESTAMP ? SET v = ? WHERE {KEY}'


def delete_hidden(table: str) -> str:
    """Binds the timestamp; p, x, s."""
    return f'DELETE FROM "{table}" USING TIMESTAMP ? WHERE {KEY}'


def set_done(table: str) -> str:
    """Binds the timestamp, TTL, done; p, x, s."""
    return f'UPDATE "{table}" USING TIMESTAMP ? AND TTL ? SET done = ? WHERE {KEY}'


# ---- intents and transactions

INSERT_INTENT: Final = (
    f"INSERT INTO {INTENTS} (slot, ts, tok, name, p, x, s) VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
"""`name` is the CQL table, and p, x, s the row. The last value is `ts` again."""

DELETE_INTENT: Final = f"DELETE FROM {INTENTS} USING TIMESTAMP ? WHERE slot = ? AND ts = ? AND tok = ?"

SELECT_INTENTS: Final = f"SELECT ts, tok, name, p, x, s FROM {INTENTS} WHERE slot = ? LIMIT ?"

SELECT_INTENTS_AFTER: Final = (
    f"SELECT ts, tok, name, p, x, s FROM {INTENTS} WHERE slot = ? AND (ts, tok) > (?, ?) LIMIT ?"
)

INSERT_INTENT_SLOT: Final = f"INSERT INTO {INTENT_SLOTS} (hour, slot) VALUES (?, ?) USING TIMESTAMP ?"

DELETE_INTENT_SLOT: Final = f"DELETE FROM {INTENT_SLOTS} USING TIMESTAMP ? WHERE hour = ? AND slot = ?"

SELECT_INTENT_SLOTS: Final = f"SELECT slot FROM {INTENT_SLOTS} WHERE hour = ? AND slot >= ?"

SELECT_INTENT_SLOTS_BETWEEN: Final = f"SELECT slot FROM {INTENT_SLOTS} WHERE hour = ? AND slot >= ? AND slot < ?"

DECIDE_TRANSACTION: Final = f"INSERT INTO {TRANSACTIONS} (id, state) VALUES (?, ?) IF NOT EXISTS USING TTL ?"
"""The first one decides. If it is not applied, found has state."""

SELECT_TRANSACTION: Final = f"SELECT state FROM {TRANSACTIONS} WHERE id = ?"


# ---- the schema

COMPACTION: Final = "compaction = {'class': 'UnifiedCompactionStrategy'}"


def create_keyspace(keyspace: str, copies: Mapping[str, int]) -> str:
    """With so many copies in each data centre."""
    quoted = [name.replace("'", "''") for name in copies]
    replication = "".join(f", '{name}': {number}" for name, number in zip(quoted, copies.values(), strict=True))
    return (
        f'CREATE KEYSPACE IF NOT EXISTS "{keyspace}"'
        f" WITH replication = {{'class': 'NetworkTopologyStrategy'{replication}}}"
    )


def create_table(table: str) -> str:
    """A row table."""
    return (
        f'CREATE TABLE IF NOT EXISTS "{table}" (p blob, x tinyint, s blob,'
        " v blob, ver bigint, tok uuid, iver bigint, pend blob, done bigint, ltx uuid, lnew blob,"
        f" PRIMARY KEY ((p), x, s)) WITH {COMPACTION}"
    )


def drop_table(table: str) -> str:
    """A row table and all that is in it."""
    return f'DROP TABLE IF EXISTS "{table}"'


OWN_TABLES: Final = {
    # gc_grace is the default: the batchlog forgets a batch that is older than the smallest one of its tables.
    INTENTS: f"CREATE TABLE IF NOT EXISTS {INTENTS} (slot bigint, ts bigint, tok uuid, name text, p blob, x tinyint,"
    " s blob, PRIMARY KEY ((slot), ts, tok))"
    f" WITH default_time_to_live = {DEAD_ROW_SECONDS} AND compaction = {{'class': 'TimeWindowCompactionStrategy',"
    " 'compaction_window_unit': 'HOURS', 'compaction_window_size': 1}",
    INTENT_SLOTS: f"CREATE TABLE IF NOT EXISTS {INTENT_SLOTS} (hour bigint, slot bigint, PRIMARY KEY ((hour), slot))"
    f" WITH default_time_to_live = {INTENT_SLOT_SECONDS} AND {COMPACTION}",
    TRANSACTIONS: f"CREATE TABLE IF NOT EXISTS {TRANSACTIONS} (id uuid PRIMARY KEY, state text) WITH {COMPACTION}",
    LOCAL_TABLES: f"CREATE TABLE IF NOT EXISTS {LOCAL_TABLES} (parent text, x tinyint, name text,"
    f" PRIMARY KEY ((parent), x)) WITH {COMPACTION}",
}
"""How tables of the driver itself are made, by their names."""

CREATE_FORMAT: Final = (
    f"CREATE TABLE IF NOT EXISTS {FORMAT} (id text PRIMARY KEY, version int, owner uuid) WITH {COMPACTION}"
)

CREATE_OWN_TABLES: Final = (*OWN_TABLES.values(), CREATE_FORMAT)

INSERT_LOCAL_TABLE: Final = f"INSERT INTO {LOCAL_TABLES} (parent, x, name) VALUES (?, ?, ?) IF NOT EXISTS"

DELETE_LOCAL_TABLE: Final = f"UPDATE {LOCAL_TABLES} SET name = null WHERE parent = ? AND x = ? IF name = ?"
"""The row stays, without a name: its number is not given again."""

SELECT_LOCAL_TABLES: Final = f"SELECT parent, x, name FROM {LOCAL_TABLES}"

SELECT_SETTINGS: Final = "SELECT name, value FROM system_views.settings WHERE name IN (%s)"
"""Of the node that is asked. Takes names in quotes."""

SELECT_TABLE: Final = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"

SELECT_SCHEMA_VERSION: Final = "SELECT schema_version FROM system.local"
"""Of the node that is asked."""

SELECT_FORMAT: Final = f"SELECT version FROM {FORMAT} WHERE id = 'format'"

INSERT_FORMAT: Final = f"INSERT INTO {FORMAT} (id, version) VALUES ('format', ?) IF NOT EXISTS"

LOCK_SCHEMA: Final = f"INSERT INTO {FORMAT} (id, owner) VALUES ('schema', ?) IF NOT EXISTS USING TTL ?"
"""Nodes that make a table of one name at the same time may end with two; so one process at a time changes tables."""

UNLOCK_SCHEMA: Final = f"DELETE FROM {FORMAT} WHERE id = 'schema' IF owner = ?"
