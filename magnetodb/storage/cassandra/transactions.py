"""A batch of rows in several partitions: two-phase commit, decided by one record.

    intents     notes of all its rows, for recovery
    lock        each row, side by side, nobody waits: `ltx` names the transaction, `lnew` says what it will make of it
    decide      the record "committed": the commit point. No record: not decided; "undone": it never will be
    apply       each row gets its new value and is free; then the hidden rows, as after any other write

A lock steps the row's version, so that every other write of the row fails and finds it. Who finds a row held looks for
the record: committed, it applies it; undone, it frees the row; not decided, it goes away, and when it has met the
transaction for some seconds, it decides that it is undone.
"""

from collections.abc import Sequence
from time import monotonic
from typing import Final
from uuid import UUID

from magnetodb.errors import StorageBusy
from magnetodb.model.rows import CHECK, Batch, Change, Check, Committed, Lost
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.decisions import (
    AFTERWARDS_SECONDS,
    DECISION_SECONDS_MAX,
    LOOKS_MAX,
    TRIES_MAX,
    Decision,
    pause,
    read,
)
from magnetodb.storage.cassandra.equipment import NOTHING, Equipment
from magnetodb.storage.cassandra.expectations import CONFLICT_SECONDS, Expectations
from magnetodb.storage.cassandra.hidden_rows import HiddenWrite
from magnetodb.storage.cassandra.intents import Intent
from magnetodb.storage.cassandra.item_row import (
    Followed,
    Lock,
    Planned,
    Position,
    decode_lock,
    followed,
    plan,
    plan_lock,
)
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind, Result
from magnetodb.storage.cassandra.session_errors import Busy, CassandraError, OutcomeUnknown, Refused
from magnetodb.storage.cassandra.storage_errors import not_written, storage_error

UNDECIDED_MICROSECONDS_MAX: Final = 5_000_000
"""A transaction that a process has met for so long without a decision is undone by it."""

MET_MAX: Final = 1_000
"""So many transactions are remembered, undecided and decided ones each."""

GROUP_BYTES_MAX: Final = 4_000_000
"""Of the rows of one partition that are written together. Cassandra takes 16 MiB."""

FREE: Final = Lock(CHECK, False, ())
"""What an undone transaction makes of the rows that it holds."""

COMMITTED: Final = "C"
UNDONE: Final = "A"
"""Written to disk: do not change."""


class Transactions:
    """The transactions that this process meets."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._met: dict[UUID, int] = {}
        self._decided: dict[UUID, str] = {}

    async def values(self, rows: Sequence[ItemRow]) -> list[bytes | None]:
        """The values of rows that were read, for a consistent read: of those held by a committed transaction, what it
        makes of them. Raises CassandraErrors."""
        values = []
        for row in rows:
            value = row.v
            if row.ltx is not None and await self.state(row.ltx) == COMMITTED:
                lock = decode_lock(row.lnew or b"")
                value = value if lock.value is CHECK else lock.value
            values.append(value)
        return values

    async def settle(self, position: Position, row: ItemRow) -> ItemRow | None:
        """The row after the transaction that held it: applied, or undone. None if it is not decided yet, or cannot be
        applied here. Raises CassandraErrors."""
        for attempt in range(TRIES_MAX):
            if attempt:
                await pause(self._equipment.session, attempt - 1)
                (row,) = await read(self._equipment.session, (position,), urgent=True)
            if row.ltx is None:
                return row
            state = await self.state(row.ltx)
            if state is None and self._undecided_too_long(row.ltx):
                state = await self.decide(row.ltx, UNDONE)
            if state is None:
                return None
            lock = decode_lock(row.lnew or b"") if state == COMMITTED else FREE
            follows = await self._follows(position, row, lock)
            if follows is None:
                return None
            settled = await self._apply(position, row, lock, follows)
            if settled is not None:
                return settled
        return None

    async def state(self, transaction: UUID) -> str | None:
        """COMMITTED, UNDONE, or None if it is not decided. Raises CassandraErrors."""
        state = self._decided.get(transaction)
        if state is None:
            select = Bound(cql.SELECT_TRANSACTION, (transaction,))
            call = Call((select,), Kind.SINGLE, Consistency.LOCAL_SERIAL, urgent=True)
            rows = (await self._equipment.session.execute(call)).rows
            if rows and rows[0][0] is not None:
                state = self._remember(transaction, rows[0][0])
        return state

    async def decide(self, transaction: UUID, wanted: str, *, until: float | None = None) -> str:
        """Decide a transaction, unless it is decided; what it is now. Nothing is sent after `until` (of the monotonic
        clock). Raises Refused: it is not decided by this. OutcomeUnknown: it is not known whether it is."""
        until = monotonic() + DECISION_SECONDS_MAX if until is None else until
        values = (transaction, wanted, cql.TRANSACTION_SECONDS)
        call = Call((Bound(cql.DECIDE_TRANSACTION, values),), Kind.CONDITIONAL, Consistency.LOCAL_QUORUM, urgent=True)
        unknown: OutcomeUnknown | None = None
        for attempt in range(TRIES_MAX):
            if attempt:
                await pause(self._equipment.session, attempt - 1)
            if monotonic() > until:
                break
            try:
                result = await self._equipment.session.execute(call)
            except OutcomeUnknown as error:
                unknown = error
                state = await self._look(transaction, until + AFTERWARDS_SECONDS)
                if state is not None:
                    return state
            except Refused:
                if unknown is None:
                    raise
            else:
                return self._remember(transaction, wanted if result.applied else _found_state(result))
        raise unknown or Refused("It took too long until it could be decided.")

    async def _look(self, transaction: UUID, until: float) -> str | None:
        for attempt in range(LOOKS_MAX):
            if attempt:
                await pause(self._equipment.session, attempt + 2)
            if monotonic() > until:
                break
            try:
                return await self.state(transaction)
            except CassandraError:
                continue
        return None

    def _remember(self, transaction: UUID, state: str) -> str:
        self._met.pop(transaction, None)
        if len(self._decided) >= MET_MAX:
            del self._decided[next(iter(self._decided))]
        self._decided[transaction] = state
        return state

    def _undecided_too_long(self, transaction: UUID) -> bool:
        """Measured from when this process met it first: other machines' clocks may be wrong."""
        now = self._equipment.session.now()
        met = self._met.get(transaction)
        if met is None or met > now:
            if len(self._met) >= MET_MAX:
                del self._met[next(iter(self._met))]
            met = self._met[transaction] = now
        return now - met >= UNDECIDED_MICROSECONDS_MAX

    async def _follows(self, position: Position, row: ItemRow, lock: Lock) -> Followed | None:
        """All that follows from what a transaction makes of a row; None if that can't be said."""
        if not lock.derives:
            return NOTHING
        value = row.v if lock.value is CHECK else lock.value
        rows = await self._equipment.all_followed(position, value)
        if rows is None:
            return None
        puts: list[tuple[Position, bytes | None]] = [*rows.local_puts, *rows.puts]
        return followed(position, [*puts, *[(each, None) for each in lock.deletes]])

    async def _apply(self, position: Position, row: ItemRow, lock: Lock, follows: Followed) -> ItemRow | None:
        """Make of a row what the transaction says, and free it. None: somebody else has done something with it."""
        equipment = self._equipment
        planned = plan(position, row, lock.value, follows, equipment.version(row), equipment.new_uuid())
        (decision,) = await equipment.deciding.decide([[planned]])
        if decision is not True:
            return None
        if planned.hidden is None:
            return planned.after
        # The intent of the transaction stays until recovery finds the row in step.
        (through,) = await equipment.hidden.write([HiddenWrite(planned.hidden, ())])
        return planned.after._replace(done=planned.hidden.version) if through else planned.after


class TransactionCommit:
    """One commit of one batch. `after` are the rows as it left them, None where that is not known."""

    def __init__(
        self,
        equipment: Equipment,
        transactions: Transactions,
        expectations: Expectations,
        batch: Batch,
        positions: Sequence[Position],
        until: float,
    ) -> None:
        self._equipment = equipment
        self._transactions = transactions
        self._expectations = expectations
        self._batch = batch
        self._positions = positions
        self._until = until
        self._intents: tuple[Intent, ...] = ()
        self.after: list[ItemRow | None] = [None] * len(batch)

    async def run(self) -> Committed | Lost:
        """Raises StorageErrors."""
        try:
            for attempt in range(TRIES_MAX):
                if attempt > 1:
                    await pause(self._equipment.session, attempt - 2)
                lost = await (self._expectations.meet_again() if attempt else self._expectations.meet(guess=False))
                outcome = await self._attempt() if lost is None else Lost(lost)
                if outcome is not None:
                    return outcome
        except CassandraError as error:
            raise not_written(error) from error
        raise StorageBusy("Too many writes of the same items.")

    async def _attempt(self) -> Committed | Lost | None:
        """None: a row is no longer as it was, or not in step, and nothing was written. Raises CassandraErrors if
        nothing was written."""
        equipment, rows = self._equipment, self._expectations.rows
        follows: list[Followed] = []
        for position, row, change in zip(self._positions, rows, self._batch, strict=True):
            one = await equipment.followed(position, row, change)
            if one is None:
                return None
            follows.append(one)
        version = equipment.version(*rows)
        self._intents = await equipment.intents.write(
            [(position, version, equipment.new_uuid()) for position in self._positions]
        )
        transaction = equipment.new_uuid()
        locks = self._locks(transaction, follows)
        groups = _groups(locks)
        decisions: list[Decision] = [False] * len(locks)
        for group, decision in zip(groups, await self._decide_all(locks, groups, self._until), strict=True):
            for each in group:
                decisions[each] = decision
        if all(decision is True for decision in decisions) and await self._decided(transaction, locks):
            return await self._apply(locks, follows)
        await self._give_up(locks, decisions)
        for decision in decisions:
            if isinstance(decision, CassandraError):
                # Not even an unknown outcome of a lock matters: what is never decided has never happened.
                raise decision
        return await self._lost([each for each, decision in enumerate(decisions) if not decision])

    async def _lost(self, failed: Sequence[int]) -> Lost | None:
        """Which row that could not be locked is not as expected; None if all are."""
        rows = await read(self._equipment.session, [self._positions[each] for each in failed])
        for each, row in zip(failed, rows, strict=True):
            if not self._expectations.as_expected(each, row):
                if row.ltx is not None:
                    await self._equipment.session.pause(CONFLICT_SECONDS)
                return Lost(each)
        return None

    def _locks(self, transaction: UUID, follows: Sequence[Followed]) -> list[Planned]:
        equipment = self._equipment
        version = equipment.version(*self._expectations.rows)
        locks = []
        for position, row, change, one in zip(
            self._positions, self._expectations.rows, self._batch, follows, strict=True
        ):
            lock = Lock(_value(change, row), bool(change.derived), (*one.local_deletes, *one.deletes))
            locks.append(plan_lock(position, row, lock, transaction, version, equipment.new_uuid()))
        return locks

    async def _decided(self, transaction: UUID, locks: Sequence[Planned]) -> bool:
        """Commit; False if others have undone the transaction."""
        try:
            return await self._transactions.decide(transaction, COMMITTED, until=self._until) == COMMITTED
        except Refused:
            await self._give_up(locks, [True] * len(locks))
            raise
        except OutcomeUnknown as error:
            # Others will find out; the intents stay.
            raise storage_error(error) from error

    async def _apply(self, locks: Sequence[Planned], follows: Sequence[Followed]) -> Committed:
        """The transaction is committed. What can't be applied here is left to whoever meets it, and to recovery."""
        equipment = self._equipment
        version = equipment.clock.now()
        applied = [
            plan(lock.position, lock.after, _value(change, lock.before), one, version, equipment.new_uuid())
            for lock, change, one in zip(locks, self._batch, follows, strict=True)
        ]
        decisions: list[Decision] = [False] * len(applied)
        groups = _groups(applied)
        until = max(self._until, monotonic()) + AFTERWARDS_SECONDS
        for group, decision in zip(groups, await self._decide_all(applied, groups, until), strict=True):
            for each in group:
                decisions[each] = decision
        hidden: list[tuple[int, HiddenWrite]] = []
        free: list[Intent] = []
        for each, (planned, decision) in enumerate(zip(applied, decisions, strict=True)):
            if decision is not True:
                continue
            self.after[each] = planned.after
            if planned.hidden is None:
                free.append(self._intents[each])
            else:
                hidden.append((each, HiddenWrite(planned.hidden, (self._intents[each],))))
        if hidden:
            first, write = hidden[0]
            hidden[0] = (first, write._replace(intents=(*write.intents, *free)))
            through = await equipment.hidden.write([write for _, write in hidden], until=until)
            for (each, write), finished in zip(hidden, through, strict=True):
                if finished:
                    self.after[each] = applied[each].after._replace(done=write.rows.version)
        else:
            await equipment.intents.remove(free)
        return Committed(tuple([version] * len(applied)))

    async def _decide_all(
        self, planned: Sequence[Planned], groups: Sequence[Sequence[int]], until: float
    ) -> Sequence[Decision]:
        try:
            return await self._equipment.deciding.decide(
                [[planned[each] for each in group] for group in groups], until=until
            )
        except StorageBusy as error:
            return [Busy(str(error))] * len(groups)

    async def _give_up(self, locks: Sequence[Planned], decisions: Sequence[Decision]) -> None:
        """Free what was locked; the transaction will not be committed by anybody. What may be locked yet is left to
        whoever meets it."""
        equipment = self._equipment
        locked = [each for each, decision in enumerate(decisions) if decision is True]
        through = [
            each
            for each, decision in enumerate(decisions)
            if decision is not True and not isinstance(decision, OutcomeUnknown)
        ]
        if locked:
            version = equipment.clock.now()
            freed = [
                plan(locks[each].position, locks[each].after, CHECK, NOTHING, version, equipment.new_uuid())
                for each in locked
            ]
            groups = _groups(freed)
            until = max(self._until, monotonic()) + AFTERWARDS_SECONDS
            for group, decision in zip(groups, await self._decide_all(freed, groups, until), strict=True):
                if decision is True:
                    through += [locked[each] for each in group]
                    for each in group:
                        self._expectations.leave(locked[each], freed[each].after)
        await equipment.intents.remove([self._intents[each] for each in through])


def _value(change: Change, row: ItemRow) -> bytes | Check | None:
    """What the change makes of the row. To delete what is not there is to compare."""
    return CHECK if change.value is None and row.v is None else change.value


def _groups(planned: Sequence[Planned]) -> list[list[int]]:
    """Changes that can be applied together: those of one partition, if they are not too large."""
    groups: dict[tuple[str, bytes], list[int]] = {}
    sizes: dict[tuple[str, bytes], int] = {}
    closed: list[list[int]] = []
    for each, one in enumerate(planned):
        home = one.position.home
        size = sum(len(value) for bound in one.statements for value in bound.values if isinstance(value, bytes))
        if home in groups and sizes[home] + size > GROUP_BYTES_MAX:
            closed.append(groups.pop(home))
        groups.setdefault(home, []).append(each)
        sizes[home] = size if len(groups[home]) == 1 else sizes[home] + size
    return closed + list(groups.values())


def _found_state(result: Result) -> str:
    return str(result.found[0]["state"])
