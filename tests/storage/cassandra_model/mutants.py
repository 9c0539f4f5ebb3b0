"""The write protocol without one of its ingredients each: what a server of the explorer is made of instead.

Most of them change the calls between the protocol and Cassandra, where a call is recognized by its step
(crash_points.py); the others are subclasses. None changes the product.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from magnetodb.model.rows import CHECK, Batch, Change, Committed, Lost
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.clock import HybridClock
from magnetodb.storage.cassandra.commit import Committer
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.crash_points import step_of
from magnetodb.storage.cassandra.direct_path import write_all
from magnetodb.storage.cassandra.equipment import NOTHING, Equipment
from magnetodb.storage.cassandra.hidden_rows import HiddenWrite, HiddenWriter
from magnetodb.storage.cassandra.item_row import Followed, Position, followed
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind, Result, Session
from magnetodb.storage.cassandra.session_errors import CassandraError, OutcomeUnknown, Refused
from tests.storage.cassandra_model.servers import Build, Places

EARLY = 1
"""A version before all others."""

TOKEN = UUID(int=0xA0000000_0000_4000_8000_000000000000)


class AlteredSession:
    """A session that changes calls and their results."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def ask(self, call: Call) -> Result:
        """Do what a call wants, otherwise."""
        return await self.send(call)

    async def send(self, call: Call) -> Result:
        """A call as it is."""
        return await self._session.execute(call)

    async def execute(self, call: Call) -> Result:
        """See Session."""
        return await self.ask(call)

    async def execute_together(self, calls: Sequence[Call]) -> list[Result | CassandraError]:
        """See Session: calls that are not changed go side by side."""
        if all(type(self).plain(call) for call in calls):
            return await self._session.execute_together(calls)
        results: list[Result | CassandraError] = []
        for call in calls:
            try:
                results.append(await self.ask(call))
            except CassandraError as error:
                results.append(error)
        return results

    @staticmethod
    def plain(call: Call) -> bool:
        """The call is not changed when it is sent with others."""
        return call.statements[0].text.startswith("SELECT slot")

    def now(self) -> int:
        """See Session."""
        return self._session.now()

    async def pause(self, seconds: float) -> None:
        """See Session."""
        await self._session.pause(seconds)


def altered(session_class: type[AlteredSession]) -> Build:
    """A server with that between the protocol and Cassandra."""

    class Altered(Build):
        def session(self, session: Session) -> Session:
            return session_class(session)

    return Altered()


# Item rows.


class WithoutIntents(AlteredSession):
    """No intents are written."""

    async def ask(self, call: Call) -> Result:
        return Result() if step_of(call) == "intent" else await self.send(call)


class EarlyIntents(AlteredSession):
    """Intents have a version that may be before the row's: as if they were written before the row was read, and nobody
    looked whether they were fenced meanwhile."""

    async def ask(self, call: Call) -> Result:
        statements = []
        for text, values in call.statements:
            if text == cql.INSERT_INTENT:
                values = (values[0], EARLY, *values[2:-1], EARLY)
            elif text == cql.DELETE_INTENT:
                values = (*values[:2], EARLY, values[3])
            statements.append(Bound(text, values))
        return await self.send(call._replace(statements=tuple(statements)))


class LowFence(AlteredSession):
    """A fence is the next version of the row, not one that is later than the intent."""

    async def ask(self, call: Call) -> Result:
        if step_of(call) == "fence":
            ((text, values),) = call.statements
            time_to_live, _, *rest, version, token = values
            bound = Bound(text, (time_to_live, (version or 0) + 1, *rest, version, token))
            call = call._replace(statements=(bound,))
        return await self.send(call)


class WithoutFence(AlteredSession):
    """Recovery does not fence."""

    async def ask(self, call: Call) -> Result:
        return Result(True) if step_of(call) == "fence" else await self.send(call)


class ForgottenPend(AlteredSession):
    """What earlier writes perhaps have not deleted yet is not deleted by later ones."""

    async def ask(self, call: Call) -> Result:
        result = await self.send(call)
        if step_of(call) != "read" or not call.statements[0].text.startswith(f"SELECT {cql.ITEM_COLUMNS}"):
            return result
        return result._replace(rows=tuple([tuple(ItemRow(*row)._replace(pend=None)) for row in result.rows]))


class ForgetfulDelete(AlteredSession):
    """A deletion leaves nothing of the row: its version is forgotten."""

    async def ask(self, call: Call) -> Result:
        (text, values), *others = call.statements
        if step_of(call) == "item" and "SET v = ?" in text and values[1] is None:
            emptied = Bound(text, (values[0], None, None, None, None, None, *values[6:]))
            call = call._replace(statements=(emptied, *others))
        return await self.send(call)


class UnloggedBatch(AlteredSession):
    """Hidden rows, `done` and the intent's end are written side by side, and not as a whole."""

    async def ask(self, call: Call) -> Result:
        return await self.send(call._replace(kind=Kind.UNLOGGED) if call.kind is Kind.LOGGED else call)


class IntentFirst(AlteredSession):
    """The intent is removed before the hidden rows are written."""

    async def ask(self, call: Call) -> Result:
        if call.kind is Kind.LOGGED:
            for each in call.statements:
                if each.text == cql.DELETE_INTENT:
                    await self.send(Call((each,), Kind.SINGLE, Consistency.LOCAL_QUORUM))
            call = call._replace(statements=tuple([each for each in call.statements if each.text != cql.DELETE_INTENT]))
        return await self.send(call)


class ClientTimestamps(AlteredSession):
    """Hidden rows have the time of their sending as timestamp, not the version of their item."""

    async def ask(self, call: Call) -> Result:
        statements = []
        for text, values in call.statements:
            hidden = "USING TIMESTAMP ? SET v" in text or text.startswith('DELETE FROM "')
            statements.append(
                Bound(text, (self.now(), *values[1:])) if hidden and "USING" in text else Bound(text, values)
            )
        return await self.send(call._replace(statements=tuple(statements)))


class UnknownIsRefused(AlteredSession):
    """A lightweight transaction that was not answered in time is taken for one that was not applied."""

    async def ask(self, call: Call) -> Result:
        try:
            return await self.send(call)
        except OutcomeUnknown as error:
            if call.kind is Kind.CONDITIONAL:
                raise Refused("timed out") from error
            raise


class SentAgainUnseen(AlteredSession):
    """A lightweight transaction that was not answered in time is sent again below the protocol, which is told the
    second answer only: what the drivers' default retry policy does."""

    async def ask(self, call: Call) -> Result:
        try:
            return await self.send(call)
        except OutcomeUnknown:
            if call.kind is not Kind.CONDITIONAL:
                raise
            return await self.send(call)


class LocalRowsApart(AlteredSession):
    """Rows of local tables are written after the lightweight transaction of their item, not in it."""

    async def ask(self, call: Call) -> Result:
        if call.kind is not Kind.CONDITIONAL or len(call.statements) == 1:
            return await self.send(call)
        conditional = tuple([each for each in call.statements if " IF " in each.text])
        plain = tuple([each for each in call.statements if " IF " not in each.text])
        result = await self.send(call._replace(statements=conditional))
        if result.applied and plain:
            kind = Kind.SINGLE if len(plain) == 1 else Kind.UNLOGGED
            await self.send(Call(plain, kind, Consistency.LOCAL_QUORUM))
        return result


class WallClock(HybridClock):
    """Versions are what the machine's clock says."""

    def now(self) -> int:
        return self._wall()

    def observe(self, version: int) -> None:
        """Nothing follows."""


class VersionsByWallClock(Build):
    """Versions are taken from the wall clock alone."""

    def clock(self, session: Session) -> HybridClock:
        return WallClock(session.now)


class OneTokenForAll(Build):
    """Attempts have no tokens of their own: a version alone tells whose it is."""

    def committer(
        self, session: Session, clock: HybridClock, tables: Places, derive: Any, new_uuid: Callable[[], UUID]
    ) -> Committer:
        return super().committer(session, clock, tables, derive, lambda: TOKEN)


class ChangedRowsOnly(Build):
    """A write of an item whose hidden rows are not known to be there puts only those that it changes."""

    def committer(self, *parts: Any) -> Committer:
        committer = super().committer(*parts)
        committer._equipment.__class__ = _ChangedRowsEquipment
        return committer


class _ChangedRowsEquipment(Equipment):
    async def followed(self, position: Position, before: ItemRow, change: Change) -> Followed | None:
        return followed(position, self._located(change.derived)) if change.derived else NOTHING


class DirectPath(Build):
    """No mutant: the batchlog is out of reach, so that hidden rows go the direct path."""

    def committer(self, *parts: Any) -> Committer:
        committer = super().committer(*parts)
        committer._equipment.hidden.breaker.trip()
        return committer


class DoneFirst(DirectPath):
    """On the direct path `done` is written with the hidden rows, not after them."""

    def committer(self, *parts: Any) -> Committer:
        committer = super().committer(*parts)
        committer._equipment.hidden.__class__ = _DoneFirstWriter
        return committer


class _DoneFirstWriter(HiddenWriter):
    async def _directly(self, writes: Sequence[HiddenWrite], until: float) -> list[bool]:
        for write in writes:
            await write_all(self._session, [write.done_statement(), *write.row_statements()], until)
            await self._intents.remove(write.intents)
        return [True] * len(writes)


# Transactions.


class StandingVersions(AlteredSession):
    """Lightweight transactions of a step keep version and token; what was to be the new ones is kept in mind."""

    STEP = ""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._kept: dict[tuple[Any, Any], tuple[Any, Any]] = {}

    async def ask(self, call: Call) -> Result:
        if call.kind is Kind.CONDITIONAL and " IF ver = ? AND tok = ?" in call.statements[0].text:
            call = call._replace(statements=tuple([self._standing(call, each) for each in call.statements]))
        return await self.send(call)

    def _standing(self, call: Call, bound: Bound) -> Bound:
        text, values = bound
        if " IF " not in text:
            return bound
        expected = self._kept.get((values[-2], values[-1]), (values[-2], values[-1]))
        values = (*values[:-2], *expected)
        if step_of(call) == self.STEP:
            place = 2 if " v = ?" in text else 1
            self._kept[values[place], values[place + 1]] = expected
            values = (*values[:place], *expected, *values[place + 2 :])
        return Bound(text, values)


class StandingLock(StandingVersions):
    """A transaction that locks a row does not step its version."""

    STEP = "lock"


class StandingApply(StandingVersions):
    """A transaction that frees a row, changed or not, does not step its version."""

    STEP = "apply"


class UnconditionalDecision(AlteredSession):
    """A transaction is committed, whatever others have decided."""

    async def ask(self, call: Call) -> Result:
        if step_of(call) != "decision":
            return await self.send(call)
        ((text, values),) = call.statements
        bound = Bound(text.replace(" IF NOT EXISTS", ""), values)
        await self.send(Call((bound,), Kind.SINGLE, Consistency.LOCAL_QUORUM))
        return Result(True)


class CarelessReads(Build):
    """Readers do not compare what they have read."""

    def committer(self, *parts: Any) -> Committer:
        committer = super().committer(*parts)
        committer.__class__ = _CarelessCommitter
        return committer


class _CarelessCommitter(Committer):
    async def commit(self, batches: Sequence[Batch]) -> list[Committed | Lost]:
        if all(change.value is CHECK and not change.derived for batch in batches for change in batch):
            return [Committed((0,) * len(batch)) for batch in batches]
        return await super().commit(batches)


class UnseenLocks(AlteredSession):
    """Readers take no notice of transactions that hold rows."""

    async def ask(self, call: Call) -> Result:
        result = await self.send(call)
        if step_of(call) != "read" or not call.statements[0].text.startswith(f"SELECT {cql.ITEM_COLUMNS}"):
            return result
        return result._replace(rows=tuple([tuple(ItemRow(*row)._replace(ltx=None, lnew=None)) for row in result.rows]))
