"""Lightweight transactions until their outcome is known.

What Cassandra does not answer in time may have happened, or may happen later: a coordinator that was paused goes on
where it was. A read at LOCAL_SERIAL tells more. The row has the attempt's token: it was applied. It is as before: it is
sent again as it was, and if both arrive the second fails. It is another attempt's: nobody can tell.
"""

from collections.abc import Sequence
from random import random
from time import monotonic
from typing import Final

from magnetodb.errors import StorageBusy
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.gates import Turns
from magnetodb.storage.cassandra.item_row import Planned, Position
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind, Result, Session
from magnetodb.storage.cassandra.session_errors import CassandraError, OutcomeUnknown, Refused

TRIES_MAX: Final = 8
DECISION_SECONDS_MAX: Final = 10.0
"""No lightweight transaction of a commit is sent later than so long after it began, nor more than TRIES_MAX times."""

LOOKS_MAX: Final = 4
AFTERWARDS_SECONDS: Final = 2.0
"""So long after nothing more of a commit is sent that decides it, steps are begun that bring it to its end: to look
whether it was applied, and to write what follows. What is not begun then is left to recovery."""

RETRY_SECONDS: Final = (0.01, 0.5)
"""Pause before the second try, doubled before each further one up to the second figure."""

Decision = bool | CassandraError
"""True: applied. False: not applied, the row is not as it was read. Refused: not applied, for another reason.
OutcomeUnknown: nobody can tell."""


async def pause(session: Session, attempt: int) -> None:
    """Before try number `attempt` + 2, by chance shorter or longer than others' pauses."""
    first, longest = RETRY_SECONDS
    await session.pause(min(first * 2**attempt, longest) * (0.5 + random()))


class Deciding:
    """Sends the lightweight transactions of this process, those of a partition one after the other."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._turns = Turns()

    async def decide(
        self, groups: Sequence[Sequence[Planned]], *, until: float | None = None, urgent: bool = True
    ) -> list[Decision]:
        """What becomes of each group of changes in a partition, which are applied together. The groups are of different
        partitions, and sent side by side. Nothing is sent after `until` (of the monotonic clock). Raises StorageBusy
        if it is never their turn."""
        until = monotonic() + DECISION_SECONDS_MAX if until is None else until
        turn = await self._turns.take([group[0].position.home for group in groups])
        try:
            if monotonic() > until:
                raise StorageBusy("Too many writes of the same items.")
            return await self._decide(groups, until, urgent)
        finally:
            turn.leave()

    async def decide_one(self, planned: Planned, until: float) -> Decision:
        """As `decide`, of one change that nothing went before, in fewer steps."""
        home = planned.position.home
        turn = self._turns.take_now(home)
        try:
            if turn is None:
                turn = await self._turns.take((home,))
                if monotonic() > until:
                    raise StorageBusy("Too many writes of the same items.")
            result: Result | CassandraError
            try:
                result = await self._session.execute(
                    Call(planned.statements, Kind.CONDITIONAL, Consistency.LOCAL_QUORUM)
                )
            except CassandraError as error:
                result = error
            else:
                if result.applied:
                    return True
            (decision,) = await self._decide([[planned]], until, False, [result])
            return decision
        finally:
            if turn is not None:
                turn.leave()

    async def _decide(
        self,
        groups: Sequence[Sequence[Planned]],
        until: float,
        urgent: bool,
        first: Sequence[Result | CassandraError] | None = None,
    ) -> list[Decision]:
        """`first`: the results of the first try, if it was made."""
        decisions: list[Decision] = [Refused("Not sent.")] * len(groups)
        left = list(range(len(groups)))
        for attempt in range(TRIES_MAX):
            if attempt:
                await pause(self._session, attempt - 1)
                if monotonic() > until:
                    break
            results, first = first, None
            if results is None:
                results = await self._results([_call(groups[each], urgent) for each in left])
            again = []
            for each, result in zip(left, results, strict=True):
                unsure = isinstance(decisions[each], OutcomeUnknown)
                if isinstance(result, Refused) and unsure:
                    # An earlier one may still arrive.
                    continue
                if isinstance(result, OutcomeUnknown):
                    decisions[each] = result
                decision = await self._decision(groups[each], result, until + AFTERWARDS_SECONDS)
                if decision is None:
                    again.append(each)
                elif decision is not False or not unsure:
                    # Not applied tells nothing of an earlier one, which another attempt may have come after.
                    decisions[each] = decision
            left = again
            if not left:
                break
        return decisions

    async def _results(self, calls: Sequence[Call]) -> Sequence[Result | CassandraError]:
        if len(calls) > 1:
            return await self._session.execute_together(calls)
        try:
            return [await self._session.execute(calls[0])]
        except CassandraError as error:
            return [error]

    async def _decision(
        self, group: Sequence[Planned], result: Result | CassandraError, until: float
    ) -> Decision | None:
        """None: it was not applied, and may be sent again."""
        if isinstance(result, Result):
            # A call that was sent twice by the driver fails because it was applied.
            return bool(result.applied) or any(_is_ours(group, found.get("tok")) for found in result.found)
        if not isinstance(result, OutcomeUnknown):
            return result
        rows = await self.look([planned.position for planned in group], until)
        if rows is None:
            return result
        if any(_is_ours(group, row.tok) for row in rows):
            return True
        as_before = all(
            (row.ver, row.tok) == (planned.before.ver, planned.before.tok)
            for planned, row in zip(group, rows, strict=True)
        )
        return None if as_before else result

    async def look(self, positions: Sequence[Position], until: float) -> list[ItemRow] | None:
        """The rows as the last lightweight transactions left them, at LOCAL_SERIAL; None if that can't be read. No try
        is begun after `until`."""
        calls = [
            Call((Bound(cql.get(each.table), each.key),), Kind.SINGLE, Consistency.LOCAL_SERIAL, urgent=True)
            for each in positions
        ]
        for attempt in range(LOOKS_MAX):
            if attempt:
                await pause(self._session, attempt + 2)
            if monotonic() > until:
                break
            results = await self._results(calls)
            rows = [
                ItemRow(*(result.rows[0] if result.rows else ())) for result in results if isinstance(result, Result)
            ]
            if len(rows) == len(positions):
                return rows
        return None


async def read(session: Session, positions: Sequence[Position], *, urgent: bool = False) -> list[ItemRow]:
    """The rows as a quorum has them. Raises CassandraErrors."""
    calls = [
        Call((Bound(cql.get(each.table), each.key),), Kind.SINGLE, Consistency.LOCAL_QUORUM, True, urgent)
        for each in positions
    ]
    results = [await session.execute(calls[0])] if len(calls) == 1 else await session.execute_together(calls)
    rows = []
    for result in results:
        if isinstance(result, CassandraError):
            raise result
        rows.append(ItemRow(*result.rows[0]) if result.rows else ItemRow())
    return rows


def _call(group: Sequence[Planned], urgent: bool) -> Call:
    statements = group[0].statements if len(group) == 1 else tuple([each for one in group for each in one.statements])
    return Call(statements, Kind.CONDITIONAL, Consistency.LOCAL_QUORUM, False, urgent)


def _is_ours(group: Sequence[Planned], token: object) -> bool:
    """It is the token of an attempt of the group, and not one that was there before."""
    return token is not None and any(planned.after.tok == token and planned.before.tok != token for planned in group)
