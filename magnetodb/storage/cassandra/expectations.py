"""What the changes of a batch expect of their rows, and the rows as far as they are known."""

from collections.abc import Sequence
from enum import Enum
from time import monotonic
from typing import Final, Literal, Protocol

from magnetodb.errors import StorageBusy
from magnetodb.model.rows import ABSENT, ANY, Batch, Row
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.decisions import pause, read
from magnetodb.storage.cassandra.equipment import Equipment
from magnetodb.storage.cassandra.item_row import MISSING, Position
from magnetodb.storage.cassandra.session_errors import Refused
from magnetodb.storage.cassandra.writes_under_way import Writing

CONFLICT_SECONDS: Final = 0.02
"""Pause before a write is lost to a transaction that holds its row: about as long as that takes."""


class Unmet(Enum):
    """Instead of a row."""

    LOST = "it is known not to be as expected"
    UNREAD = "it has to be read"


class Settles(Protocol):
    """`transactions.Transactions`."""

    async def settle(self, position: Position, row: ItemRow) -> ItemRow | None:
        """The row after the transaction that held it; None if that is not decided yet."""


class Expectations:
    """The rows of a batch. `ahead` are the writes under way of each change's row that come before the batch; `until`,
    of the monotonic clock, is when a batch is given up that others always come before."""

    def __init__(
        self,
        equipment: Equipment,
        transactions: Settles,
        batch: Batch,
        positions: Sequence[Position],
        ahead: Sequence[Writing | None],
        until: float,
    ) -> None:
        self._equipment = equipment
        self._transactions = transactions
        self._batch = batch
        self._ahead = ahead
        self._until = until
        self._positions = positions
        self.rows: list[ItemRow] = [MISSING] * len(batch)
        """Each change's row, which it is made from, after `meet` or `meet_again` have returned None."""
        self._left: dict[int, ItemRow] = {}
        self.compared = False
        """All rows were read by now."""

    async def meet(self, *, guess: bool = True) -> int | None:
        """Know the rows. Returns the position of the first change whose row is not as expected. `guess`: a row that is
        expected to be absent and not known to be dead is taken for missing, and not read."""
        await self._wait()
        unread = []
        for position in range(len(self._batch)):
            row = self._known(position, guess)
            if row is Unmet.LOST:
                return position
            if row is Unmet.UNREAD:
                unread.append(position)
            else:
                self.rows[position] = row
        lost = await self._read(unread) if unread else None
        self.compared = len(unread) == len(self._batch)
        return await self._free() if lost is None else lost

    async def meet_serially(self) -> int | None:
        """As `meet`, of the rows as the last lightweight transactions left them: none that was under way before is
        applied afterwards."""
        await self._wait()
        rows = await self._equipment.deciding.look(self._positions, self._until)
        if rows is None:
            raise Refused("The rows could not be read.")
        lost = self._found(range(len(self._batch)), rows)
        return await self._free() if lost is None else lost

    async def meet_again(self) -> int | None:
        """As `meet`, of the rows as they are now: a lightweight transaction was not applied, or a row was not in step.
        Raises StorageBusy after `until`."""
        if monotonic() > self._until:
            raise StorageBusy("Too many writes of the same items.")
        lost = await self._read(range(len(self._batch)))
        return await self._free() if lost is None else lost

    def leave(self, position: int, row: ItemRow) -> None:
        """The batch itself has made a new version of the row, and its value is what it was."""
        self._left[position] = row

    def fixed(self, position: int) -> bool:
        """The change stands and falls with the version of its row."""
        return isinstance(self._batch[position].expected, Row)

    def as_expected(self, position: int, row: ItemRow) -> bool:
        """Whether that is a row that the change at this position expects."""
        expected = self._batch[position].expected
        if isinstance(expected, Row):
            state = expected.state
            known = self._left.get(position) or (state.after if isinstance(state, Writing) else state)
            if isinstance(known, ItemRow):
                return row.ver == known.ver and row.tok == known.tok
            return known is None and state is None and row.v is not None and row.ver == expected.version
        return expected is ANY or row.v is None

    def _known(self, position: int, guess: bool) -> ItemRow | Literal[Unmet.LOST, Unmet.UNREAD]:
        """The row as it was read, or as the write ahead has left it."""
        change, writing = self._batch[position], self._ahead[position]
        expected = change.expected
        row = writing.after if writing is not None else None
        if row is None and isinstance(expected, Row):
            state = expected.state
            if isinstance(state, Writing):
                return Unmet.LOST if state.after is None else state.after
            return state if isinstance(state, ItemRow) else Unmet.UNREAD
        if row is None:
            row = self._equipment.under_way.dead(change.key)
            if row is None:
                # Nearly always right, and found out for nothing if it is not.
                return MISSING if guess and expected is ABSENT else Unmet.UNREAD
        return row if self.as_expected(position, row) else Unmet.LOST

    async def _wait(self) -> None:
        for writing in self._ahead:
            if writing is not None:
                await writing.settled.wait()

    async def _read(self, positions: Sequence[int]) -> int | None:
        rows = await read(self._equipment.session, [self._positions[each] for each in positions])
        return self._found(positions, rows)

    def _found(self, positions: Sequence[int], rows: Sequence[ItemRow]) -> int | None:
        """Rows as they were read; the first position whose row is not as expected."""
        lost = None
        for position, row in zip(positions, rows, strict=True):
            self._equipment.under_way.remember(self._batch[position].key, row)
            self.rows[position] = row
            if lost is None and not self.as_expected(position, row):
                lost = position
        return lost

    async def _free(self) -> int | None:
        """Settle the transactions that hold rows. A change that stands and falls with a version is lost then; one that
        expects that nothing is there, if it is not decided; a blind one waits."""
        for position, row in enumerate(self.rows):
            attempt = 0
            while row.ltx is not None:
                settled = await self._transactions.settle(self._positions[position], row)
                blind = self._batch[position].expected is ANY
                if settled is None and not blind:
                    await self._equipment.session.pause(CONFLICT_SECONDS)
                if self.fixed(position) or (settled is None and not blind):
                    return position
                if settled is None:
                    if monotonic() > self._until:
                        raise StorageBusy("A transaction holds the item.")
                    await pause(self._equipment.session, attempt)
                    attempt += 1
                    (settled,) = await read(self._equipment.session, (self._positions[position],))
                if not self.as_expected(position, settled):
                    return position
                row = self.rows[position] = settled
        return None
