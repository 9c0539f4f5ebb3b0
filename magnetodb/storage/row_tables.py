"""The row tables of the data file: their names, and the ids that stand for them in rows."""

import sqlite3
from collections.abc import Callable
from typing import Final

from magnetodb.storage.commit_queue import Work

CREATE_TABLE: Final = "INSERT INTO row_tables (name) VALUES (?) ON CONFLICT DO NOTHING"
TABLE_NUMBER: Final = "SELECT id FROM row_tables WHERE name = ? AND NOT dropped"
TABLES: Final = "SELECT name, id FROM row_tables WHERE NOT dropped"
# Renamed, so that the name is free at once.
DROP_TABLE: Final = "UPDATE row_tables SET dropped = 1, name = name || '#' || id WHERE id = ?"


class RowTables:
    """The ids by name, as far as this process knows. `generation` grows whenever an id may have become invalid."""

    __slots__ = ("generation", "numbers")

    def __init__(self) -> None:
        self.generation = 0
        self.numbers: dict[str, int] = {}

    def read(self, connection: sqlite3.Connection) -> bool:
        """Take over what the file has; whether ids have become invalid. Raises sqlite3.Error."""
        numbers = dict(connection.execute(TABLES))
        dropped = not self.numbers.items() <= numbers.items()
        self.numbers = numbers
        self.generation += dropped
        return dropped


class CreateTable(Work):
    """Make a row table if it is not there; its id. `changing` is called in the transaction."""

    __slots__ = ("_changing", "_connection", "_number", "table")

    def __init__(self, connection: sqlite3.Connection, name: str, changing: Callable[[], None]) -> None:
        self.table = name
        self._connection = connection
        self._changing = changing
        self._number = 0

    def apply(self, deadline: float) -> bool:
        """See Work."""
        self._changing()
        self._connection.execute(CREATE_TABLE, (self.table,))
        (self._number,) = self._connection.execute(TABLE_NUMBER, (self.table,)).fetchone()
        return True

    def result(self) -> int:
        """See Work: the id."""
        return self._number


class DropTable(Work):
    """Mark a row table as dropped. `changing` is called in the transaction.

    What waits for this table came before it and is done before it, but for batches of several tables: those find out
    that the table is gone when they are applied.
    """

    __slots__ = ("_changing", "_connection", "_number", "table")

    def __init__(self, connection: sqlite3.Connection, name: str, number: int, changing: Callable[[], None]) -> None:
        self.table = name
        self._connection = connection
        self._changing = changing
        self._number = number

    def apply(self, deadline: float) -> bool:
        """See Work."""
        self._changing()
        self._connection.execute(DROP_TABLE, (self._number,))
        return True
