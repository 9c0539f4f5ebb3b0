"""Writes of this process that Cassandra has not settled yet.

Who is about to write such a row decides from what it will be, and the commit waits for its predecessor: so writers of
one item in one process never lose a race to each other. If the predecessor is lost, so are those that follow from it.
"""

from typing import Final

from magnetodb.model.rows import ABSENT, ANY, Expected, Row, RowKey
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.gates import Gate
from magnetodb.storage.cassandra.item_row import in_step

DEAD_ROWS_MAX: Final = 10_000
"""So many deleted rows are remembered; of one that is not, the first attempt to write it is in vain."""


class Writing:
    """A write under way. `value` b"" deletes; None: it leaves the value as it is. When `settled` opens, `after` is the
    row that it made; None: it made none, or that is not known. `basis` is the write that it was decided from, if that
    was under way too; `doomed`: another one comes before it, so that it is lost."""

    __slots__ = ("after", "ahead", "basis", "doomed", "key", "settled", "value", "version")

    def __init__(
        self,
        key: RowKey,
        value: bytes | None,
        version: int,
        ahead: "Writing | None",
        expected: Row | Expected,
    ) -> None:
        self.key = key
        self.value = value
        self.version = version
        self.ahead = ahead
        self.after: ItemRow | None = None
        self.settled = Gate()
        state = expected.state if isinstance(expected, Row) else None
        self.basis = state if isinstance(state, Writing) else None
        self.doomed = False
        before = None if ahead is None else ahead.last_not_lost
        if before is not None and before.value is not None and expected is not ANY:
            self.doomed = before.value != b"" if expected is ABSENT else self.basis is not before

    @property
    def is_lost(self) -> bool:
        """It is known to come to nothing, as is what was decided from it."""
        writing: Writing | None = self
        while writing is not None:
            if writing.doomed or (writing.settled.is_open and writing.after is None):
                return True
            writing = writing.basis
        return False

    @property
    def last_not_lost(self) -> "Writing | None":
        """This write, or the last one ahead of it, that is not known to come to nothing."""
        writing: Writing | None = self
        while writing is not None and writing.is_lost:
            writing = writing.ahead
        return writing


class WritesUnderWay:
    """The last write of each row that is being written, and the rows of which it is known that they are dead."""

    def __init__(self) -> None:
        self._last: dict[RowKey, Writing] = {}
        self._dead: dict[RowKey, ItemRow] = {}

    def begin(self, key: RowKey, value: bytes | None, version: int, expected: Row | Expected = ANY) -> Writing:
        """A write behind all others of that row. `version`: what it will be at least, later than all others'."""
        writing = self._last[key] = Writing(key, value, version, self._last.get(key), expected)
        return writing

    def end(self, writing: Writing, after: ItemRow | None) -> None:
        """The write is settled."""
        key = writing.key
        writing.after = after
        writing.ahead = writing.basis = None
        if self._last.get(key) is writing:
            del self._last[key]
        if after is not None:
            self.remember(key, after)
        writing.settled.open()

    def last(self, key: RowKey) -> Writing | None:
        """The last write of a row that is not settled."""
        return self._last.get(key)

    def row(self, key: RowKey) -> Row | None:
        """The row as it will be, `pending`; None if no write of it is under way that says so.

        One that is lost does not: whoever decided from it would be lost too, and the next one again, without end.
        """
        writing = self._last.get(key)
        if writing is not None:
            writing = writing.last_not_lost
        if writing is None or writing.value is None:
            return None
        return Row(key, writing.value, writing.version, True, writing)

    def remember(self, key: RowKey, row: ItemRow) -> None:
        """The row as it was found or made: if it is dead, its version is needed by whoever writes it next. One that a
        transaction holds is neither dead nor alive; of one that is not in step too much would have to be kept."""
        dead = self._dead
        if row.v is not None or row.ver is None or row.ltx is not None or not in_step(row):
            dead.pop(key, None)
            return
        if len(dead) >= DEAD_ROWS_MAX and key not in dead:
            del dead[next(iter(dead))]
        dead[key] = row._replace(pend=None)

    def dead(self, key: RowKey) -> ItemRow | None:
        """A row that is known to be dead."""
        return self._dead.get(key)
