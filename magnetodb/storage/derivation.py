"""What follows from a row, found from the row alone: for a driver that finishes what others left undone."""

from magnetodb.errors import ServiceError
from magnetodb.model.derived_rows import derived
from magnetodb.model.items import StoredItem
from magnetodb.model.rows import DerivedRow, RowKey
from magnetodb.storage.tables import SYSTEM_TABLES, Tables
from magnetodb.storage.tokens import TOKENS, derived_of_token


class Derivation:
    """The derived rows of any row, by what is known of the tables now, which is as fresh as for a write."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def __call__(self, key: RowKey, value: bytes) -> tuple[DerivedRow, ...] | None:
        """All of them, to be put; empty where none follow or the table is gone, None where that is not known now."""
        if key.table == TOKENS:
            return derived_of_token(key, value)
        if key.table in SYSTEM_TABLES:
            return ()
        try:
            info = await self._tables.of_rows(key.table)
            return () if info is None else derived(self._tables.current(info).keys, None, StoredItem(value)).rows
        except ServiceError:
            return None
