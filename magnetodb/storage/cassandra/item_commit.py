"""A batch whose rows are in one partition: one lightweight transaction, and then the hidden rows that follow.

meet      know the rows as they are
intents   if hidden rows follow: notes for recovery, later than the rows' versions and before the new ones
decide    the lightweight transaction: from here on the batch is committed
write     the hidden rows, with the new version as timestamp; with them `done`, and the intents go
"""

from collections.abc import Sequence
from uuid import UUID

from magnetodb.errors import StorageBusy, StorageError
from magnetodb.model.rows import ANY, CHECK, Batch, Change, Committed, Lost
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.decisions import AFTERWARDS_SECONDS, TRIES_MAX, pause
from magnetodb.storage.cassandra.equipment import Equipment, pending_count
from magnetodb.storage.cassandra.expectations import Expectations
from magnetodb.storage.cassandra.hidden_rows import HiddenWrite
from magnetodb.storage.cassandra.intents import Intent
from magnetodb.storage.cassandra.item_row import (
    PEND_KEYS_MAX,
    Followed,
    Planned,
    Position,
    plan,
    plan_check,
)
from magnetodb.storage.cassandra.session_errors import CassandraError, OutcomeUnknown
from magnetodb.storage.cassandra.storage_errors import not_written, storage_error


class ItemCommit:
    """One commit of one batch. `after` are the rows as it left them, None where that is not known."""

    def __init__(
        self,
        equipment: Equipment,
        expectations: Expectations,
        batch: Batch,
        positions: Sequence[Position],
        until: float,
    ) -> None:
        self._equipment = equipment
        self._expectations = expectations
        self._batch = batch
        self._positions = positions
        self._until = until
        self._tokens: list[UUID] = [equipment.new_uuid() for _ in batch]
        self._intents: list[list[Intent]] = [[] for _ in batch]
        self.after: list[ItemRow | None] = [None] * len(batch)

    async def run(self) -> Committed | Lost:
        """Raises StorageErrors."""
        try:
            for attempt in range(TRIES_MAX):
                if attempt > 1:
                    await pause(self._equipment.session, attempt - 2)
                lost = await (self._expectations.meet_again() if attempt else self._expectations.meet())
                attempted = await self._attempt() if lost is None else Lost(lost)
                if isinstance(attempted, Lost):
                    await self._withdraw()
                    return attempted
                if attempted is not None:
                    return await self._finish(attempted)
            raise StorageBusy("Too many writes of the same items.")
        except CassandraError as error:
            await self._withdraw()
            raise not_written(error) from error
        except StorageError:
            await self._withdraw()
            raise

    async def _attempt(self) -> list[Planned | None] | Lost | None:
        """The changes, applied; None if rows are no longer as they were, or not in step."""
        equipment, rows = self._equipment, self._expectations.rows
        followed = [
            await equipment.followed(position, row, change)
            for position, row, change in zip(self._positions, rows, self._batch, strict=True)
        ]
        if not await self._ready(followed):
            return None
        whole = [each for each in followed if each is not None]
        await self._write_intents(whole)
        version = equipment.version(*rows)
        planned = [
            self._plan(change, position, row, follows, version, token)
            for change, position, row, follows, token in zip(
                self._batch, self._positions, rows, whole, self._tokens, strict=True
            )
        ]
        group = [each for each in planned if each is not None]
        if group:
            intended = any(self._intents)
            if intended and not equipment.intents.fresh([each for intents in self._intents for each in intents]):
                return None
            (decision,) = await equipment.deciding.decide([group], until=self._until, urgent=intended)
            if isinstance(decision, OutcomeUnknown):
                # It may be applied at any time: the intents stay.
                self._intents = []
                raise storage_error(decision) from decision
            if isinstance(decision, CassandraError):
                raise decision
            if not decision:
                return Lost(0) if len(planned) == 1 and self._expectations.fixed(0) else None
        return planned

    async def _ready(self, followed: Sequence[Followed | None]) -> bool:
        """All that follows is known, and no row has too much outstanding."""
        for position, row, follows in zip(self._positions, self._expectations.rows, followed, strict=True):
            if follows is None:
                return False
            if follows.hidden and pending_count(row) > PEND_KEYS_MAX:
                await self._equipment.bring_in_step(position, row)
                return False
        return True

    async def _write_intents(self, followed: Sequence[Followed]) -> None:
        """Intents for the rows whose hidden rows change, unless they have one that is late enough."""
        rows = self._expectations.rows
        missing = [
            each for each, follows in enumerate(followed) if follows.hidden and not self._intended(each, rows[each].ver)
        ]
        if missing:
            version = self._equipment.version(*[rows[each] for each in missing])
            wanted = [(self._positions[each], version, self._tokens[each]) for each in missing]
            for each, intent in zip(missing, await self._equipment.intents.write(wanted), strict=True):
                self._intents[each].append(intent)

    def _intended(self, position: int, version: int | None) -> bool:
        intents = [each for each in self._intents[position] if version is None or each.version > version]
        return bool(intents) and self._equipment.intents.fresh(intents)

    def _plan(
        self, change: Change, position: Position, row: ItemRow, follows: Followed, version: int, token: UUID
    ) -> Planned | None:
        """None: nothing to compare and nothing to write."""
        nothing_follows = not change.derived
        if change.value is CHECK or (change.value is None and row.v is None):
            if nothing_follows:
                return None if change.expected is ANY else plan_check(position, row)
            return plan(position, row, CHECK, follows, version, token)
        return plan(position, row, change.value, follows, version, token)

    async def _finish(self, planned: Sequence[Planned | None]) -> Committed:
        """The batch is committed; write what follows from it."""
        hidden = [
            (each, HiddenWrite(one.hidden, tuple(self._intents[each])))
            for each, one in enumerate(planned)
            if one is not None and one.hidden is not None
        ]
        for each, one in enumerate(planned):
            self.after[each] = self._expectations.rows[each] if one is None else one.after
        if hidden:
            through = await self._equipment.hidden.write(
                [write for _, write in hidden], until=self._until + AFTERWARDS_SECONDS
            )
            for (each, write), finished in zip(hidden, through, strict=True):
                after = self.after[each]
                if finished and after is not None:
                    self.after[each] = after._replace(done=write.rows.version)
        return Committed(tuple([0 if row is None or row.ver is None else row.ver for row in self.after]))

    async def _withdraw(self) -> None:
        """Nothing was written, nor will be."""
        intents = [each for some in self._intents for each in some]
        await self._equipment.intents.remove(intents)
