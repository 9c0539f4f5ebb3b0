"""Finishes what crashed commits left behind, by their intents.

Of each row that an intent names:

    settle    the transaction that holds the row, if it is decided, or has been undecided for too long
    fence     if the row's version is not later than the intent: the attempt may still be on its way. A new version
              makes it fail
    finish    if the row is not in step: the hidden rows as the row is now. The intents go with them

A live writer that is fenced fails, and begins again: that intents are left alone for a while is for speed, not safety.
"""

import logging
from collections.abc import Sequence
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.decisions import DECISION_SECONDS_MAX
from magnetodb.storage.cassandra.equipment import Equipment
from magnetodb.storage.cassandra.hidden_rows import HiddenWrite
from magnetodb.storage.cassandra.intents import (
    SLOT_MICROSECONDS,
    Intent,
    first_slot,
    hour_at,
    hour_of,
    parts_of,
    time_of,
)
from magnetodb.storage.cassandra.item_row import Position, in_step, outstanding, plan_fence
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind
from magnetodb.storage.cassandra.session_errors import CassandraError, TableGone
from magnetodb.storage.cassandra.transactions import Transactions

RECOVERY_AGE_SECONDS: Final = DECISION_SECONDS_MAX
"""Intents are left alone for so long: no attempt of a commit is sent later."""

RUN_SECONDS_MAX: Final = 3.0
"""A run begins no further slots after so long, so that the one who has the lease can renew it."""

HOURS_NEAR: Final = (-1, 1)
HOURS_FAR: Final = (-96, 24)
"""Under which hours slots are looked for, counted from now: each time, but only slots that are younger than
NEAR_SECONDS; and every FAR_SECONDS. Intents are kept for 72 hours; clocks are less than a day off."""

NEAR_SECONDS: Final = 1_200.0
FAR_SECONDS: Final = 600.0
QUIET_SECONDS: Final = 120.0
"""A slot that is so old and empty is not looked at any more."""

FORGET_SECONDS: Final = 900.0
"""A slot that was met so long ago and is empty is forgotten. Its process has taken another one after some seconds."""

SLOTS_AT_ONCE: Final = 4
PAGE_ROWS: Final = 512
ROWS_AT_ONCE: Final = 64

_log = logging.getLogger(__name__)


class Recovered(NamedTuple):
    """What a run came to: intents that are done with, and intents that are left for the next run. `more`: its time was
    over before all were looked at."""

    done: int = 0
    left: int = 0
    more: bool = False


class Recovery:
    """Runs one after the other, in one process at a time (two do no harm, and no good).

    `age_seconds`: intents that are younger are left alone; 0 takes all. `run_seconds`: a run begins no further slots
    after so long.
    """

    def __init__(
        self,
        equipment: Equipment,
        transactions: Transactions,
        *,
        age_seconds: float = RECOVERY_AGE_SECONDS,
        run_seconds: float = RUN_SECONDS_MAX,
    ) -> None:
        self._equipment = equipment
        self._transactions = transactions
        self._age_seconds = age_seconds
        self._run_seconds = run_seconds
        self._met: dict[int, float] = {}
        self._quiet: set[int] = set()
        self._far: float | None = None

    async def run(self) -> Recovered:
        """Deal with intents that are old enough, the oldest first: all of them, or some seconds' worth. Raises
        CassandraErrors; what was done stays done."""
        found = done = 0
        until, more = monotonic() + self._run_seconds, False
        slots = await self._slots()
        for start in range(0, len(slots), SLOTS_AT_ONCE):
            if done and monotonic() > until:
                more = True
                break
            after: dict[int, tuple[int, UUID] | None] = dict.fromkeys(slots[start : start + SLOTS_AT_ONCE])
            while after:
                pages = await self._pages(after)
                for slot, page in pages.items():
                    if not page and after[slot] is None:
                        await self._found_empty(slot)
                intents = [intent for page in pages.values() for intent in page]
                found += len(intents)
                done += await self._recover_intents(intents)
                after = {
                    slot: (page[-1].version, page[-1].token) for slot, page in pages.items() if len(page) == PAGE_ROWS
                }
        if found:
            _log.info("Recovery: %d intents done, %d left for the next run", done, found - done)
        return Recovered(done, found - done, more)

    async def _slots(self) -> list[int]:
        """The slots that may hold intents that are old enough, as far as they are worth a look, oldest first."""
        now, time = monotonic(), self._equipment.session.now()
        far = self._far is None or now - self._far >= FAR_SECONDS
        hour, (first, last) = hour_at(time), HOURS_FAR if far else HOURS_NEAR
        # Those that are forgotten have left tombstones, which the near look passes by.
        least = 0 if far else first_slot(time - int(NEAR_SECONDS * 1_000_000))
        noted: list[int] = []
        unread: list[int] = []
        hours = range(hour + first, hour + last + 1)
        for start in range(0, len(hours), ROWS_AT_ONCE):
            asked = hours[start : start + ROWS_AT_ONCE]
            calls = [_select(cql.SELECT_INTENT_SLOTS, (each, least)) for each in asked]
            for each, result in zip(asked, await self._equipment.session.execute_together(calls), strict=True):
                if isinstance(result, CassandraError):
                    unread.append(each)
                else:
                    noted += [slot for (slot,) in result.rows]
        in_parts, complete = await self._noted_in_parts(unread, least)
        noted += in_parts
        if far:
            self._far = now
        if far and complete:
            known = set(noted)
            self._met = {slot: met for slot, met in self._met.items() if slot in known}
            self._quiet &= known
        for slot in noted:
            self._met.setdefault(slot, now)
        return [slot for slot in sorted(noted) if self._old_enough(slot) and self._worth_a_look(slot)]

    async def _noted_in_parts(self, hours: Sequence[int], least: int) -> tuple[list[int], bool]:
        """The slots from `least` on that are noted under hours which could not be read at once, as they cannot where
        too many tombstones are; and whether that is all. Parts that are not near may be left out, so that they do not
        keep recovery from what is: raises the CassandraError of one that is near."""
        time = self._equipment.session.now()
        now, near = hour_at(time), first_slot(time - int(NEAR_SECONDS * 1_000_000))
        noted: list[int] = []
        left_out: list[CassandraError] = []
        for hour in sorted(hours, key=lambda hour: abs(hour - now)):
            parts = [(max(begin, least), end) for begin, end in parts_of(hour) if end > least]
            calls = [_select(cql.SELECT_INTENT_SLOTS_BETWEEN, (hour, *part)) for part in parts]
            for (_, end), result in zip(parts, await self._equipment.session.execute_together(calls), strict=True):
                if not isinstance(result, CassandraError):
                    noted += [slot for (slot,) in result.rows]
                elif HOURS_NEAR[0] <= hour - now <= HOURS_NEAR[1] and end > near:
                    raise result
                else:
                    left_out.append(result)
        if left_out:
            _log.warning("Recovery: %d spans of ten minutes cannot be looked at: %s", len(left_out), left_out[0])
        return noted, not left_out

    def _age(self, slot: int) -> float:
        """In seconds, by this machine's clock or since it was met, which is right where clocks are not."""
        by_clock = (self._equipment.session.now() - time_of(slot)) / 1_000_000
        return max(by_clock, monotonic() - self._met[slot])

    def _old_enough(self, slot: int) -> bool:
        return not self._age_seconds or self._age(slot) >= self._age_seconds + SLOT_MICROSECONDS / 1_000_000

    def _worth_a_look(self, slot: int) -> bool:
        return slot not in self._quiet or monotonic() - self._met[slot] >= FORGET_SECONDS

    async def _found_empty(self, slot: int) -> None:
        if monotonic() - self._met[slot] >= FORGET_SECONDS:
            forget = Bound(cql.DELETE_INTENT_SLOT, (time_of(slot) + 1, hour_of(slot), slot))
            await self._equipment.session.execute_together([_write(forget)])
        elif self._age(slot) >= QUIET_SECONDS:
            self._quiet.add(slot)

    async def _pages(self, after: dict[int, tuple[int, UUID] | None]) -> dict[int, list[Intent]]:
        """The next intents of slots, behind those that were dealt with."""
        calls = [
            _select(cql.SELECT_INTENTS, (slot, PAGE_ROWS))
            if last is None
            else _select(cql.SELECT_INTENTS_AFTER, (slot, *last, PAGE_ROWS))
            for slot, last in after.items()
        ]
        pages = {}
        for slot, result in zip(after, await self._equipment.session.execute_together(calls), strict=True):
            if isinstance(result, CassandraError):
                raise result
            pages[slot] = [Intent(slot, ts, tok, Position(name, x, p, s)) for ts, tok, name, p, x, s in result.rows]
        return pages

    async def _recover_intents(self, intents: Sequence[Intent]) -> int:
        """How many of them are done with."""
        by_row: dict[Position, list[Intent]] = {}
        for intent in intents:
            by_row.setdefault(intent.position, []).append(intent)
        done = 0
        while by_row:
            # One row of a partition at a time: lightweight transactions of one partition get in each other's way.
            homes: dict[tuple[str, bytes], Position] = {}
            for position in by_row:
                if len(homes) < ROWS_AT_ONCE:
                    homes.setdefault(position.home, position)
            done += await self._recover_rows({position: by_row.pop(position) for position in homes.values()})
        return done

    async def _recover_rows(self, intents: dict[Position, list[Intent]]) -> int:
        """The steps of several rows side by side. How many intents are done with."""
        equipment = self._equipment
        rows, gone = await self._rows(list(intents))
        finished = [intent for position in gone for intent in intents[position]]
        rows = await self._fenced(rows, intents)
        writes: list[HiddenWrite] = []
        for position, row in rows.items():
            if in_step(row):
                finished += intents[position]
                continue
            follows = await equipment.all_followed(position, row.v)
            if follows is not None:
                rows_due = outstanding(position, row, follows.puts)
                writes.append(HiddenWrite(rows_due, tuple(intents[position])))
        done = len(finished)
        if writes:
            through = await equipment.hidden.write(writes)
            done += sum([len(write.intents) for write, durable in zip(writes, through, strict=True) if durable])
        await equipment.intents.remove(finished)
        return done

    async def _rows(self, positions: Sequence[Position]) -> tuple[dict[Position, ItemRow], list[Position]]:
        """The rows that no transaction holds any more; and those whose table is gone."""
        rows: dict[Position, ItemRow] = {}
        gone: list[Position] = []
        calls = [_select(cql.get(position.table), position.key) for position in positions]
        results = await self._equipment.session.execute_together(calls)
        missing = {each.table for each, result in zip(positions, results, strict=True) if isinstance(result, TableGone)}
        dropped = await self._equipment.tables.gone(missing) if missing else ()
        for position, result in zip(positions, results, strict=True):
            if position.table in dropped:
                gone.append(position)
            elif not isinstance(result, CassandraError):
                row: ItemRow | None = ItemRow(*result.rows[0]) if result.rows else ItemRow()
                if row is not None and row.ltx is not None:
                    row = await self._transactions.settle(position, row)
                if row is not None:
                    rows[position] = row
        return rows, gone

    async def _fenced(
        self, rows: dict[Position, ItemRow], intents: dict[Position, list[Intent]]
    ) -> dict[Position, ItemRow]:
        """The rows, of which no attempt of the intents can become another one any more."""
        equipment = self._equipment
        fences = []
        for position, row in rows.items():
            latest = max(intent.version for intent in intents[position])
            # A later version is fence enough: the attempt expects one that was before its intent.
            if row.ver is None or row.ver < latest:
                equipment.clock.observe(latest)
                fences.append(plan_fence(position, row, equipment.version(row), equipment.new_uuid()))
        if not fences:
            return rows
        fenced = dict(rows)
        decisions = await equipment.deciding.decide([[fence] for fence in fences])
        for fence, decision in zip(fences, decisions, strict=True):
            if decision is True:
                fenced[fence.position] = fence.after
            else:
                del fenced[fence.position]
        return fenced


def _select(text: str, values: tuple[object, ...]) -> Call:
    return Call((Bound(text, values),), Kind.SINGLE, Consistency.LOCAL_QUORUM, True)


def _write(statement: Bound) -> Call:
    return Call((statement,), Kind.SINGLE, Consistency.LOCAL_QUORUM, True)
