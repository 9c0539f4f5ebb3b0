"""Ends the process between two steps of a commit, for tests that look what becomes of it.

A crash point is written WHEN:STEP:NUMBER, as in `after:item:3`: the process is killed right after the third lightweight
transaction of an item was answered. WHEN is `before` the step's calls are sent, `amid` them (half of those that are
sent side by side), or `after` all were answered. The steps:

    read         of rows by a commit or by recovery           lock         an item, for a transaction
    intent       written                                      decision     of a transaction
    item         its lightweight transaction                  apply        of a decided transaction: the item is free
    batch        the logged batch of hidden rows              fence        by recovery
    hidden       a hidden row, on the direct path             slot         the note of a slot of intents
    done         on the direct path                           record       the reading of a transaction's decision
    forget       intents, by themselves

The session with a crash point is given to the committer in place of the real one; without one nothing is in the way.
"""

import os
import re
import signal
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.session import Call, Kind, Result, Session
from magnetodb.storage.cassandra.session_errors import CassandraError

STEPS: Final = (
    "read", "intent", "item", "batch", "hidden", "done", "forget", "lock", "decision", "apply", "fence", "slot",
    "record",
)  # fmt: skip
MOMENTS: Final = ("before", "amid", "after")


class CrashPoint(NamedTuple):
    """When the process ends: at the step of that kind with this number, from 1."""

    moment: str
    step: str
    number: int = 1

    @classmethod
    def parse(cls, text: str) -> "CrashPoint":
        """What WHEN:STEP or WHEN:STEP:NUMBER says. Raises ValueError."""
        found = re.fullmatch(r"(\w+):(\w+)(?::([1-9]\d{0,8}))?", text)
        if found is None or found[1] not in MOMENTS or found[2] not in STEPS:
            raise ValueError(f"no crash point: {text!r}; see storage/cassandra/crash_points.py")
        return cls(found[1], found[2], int(found[3] or 1))


def step_of(call: Call) -> str:
    """Which step of the protocol a call is."""
    text = call.statements[0].text
    if call.kind is Kind.LOGGED:
        return "batch"
    if call.kind is Kind.CONDITIONAL:
        if cql.TRANSACTIONS in text:
            return "decision"
        if "ltx = ?" in text:
            return "lock"
        if "ltx = null" in text:
            return "apply"
        return "item" if " v = ?" in text or "lnew = null" in text else "fence"
    if text.startswith("SELECT"):
        return "record" if cql.TRANSACTIONS in text else "read"
    if cql.INTENT_SLOTS in text:
        return "slot"
    if cql.INTENTS in text:
        return "intent" if text.startswith("INSERT") else "forget"
    return "done" if "SET done" in text else "hidden"


class CrashingSession:
    """See Session. `crash` does not return."""

    def __init__(self, session: Session, point: CrashPoint, crash: Callable[[], None] | None = None) -> None:
        self._session = session
        self._point = point
        self._crash = crash or kill_this_process
        self._left = point.number

    async def execute(self, call: Call) -> Result:
        """See Session."""
        is_point = self._is_point((call,))
        if is_point and self._point.moment != "after":
            self._crash()
        result = await self._session.execute(call)
        if is_point:
            self._crash()
        return result

    async def execute_together(self, calls: Sequence[Call]) -> list[Result | CassandraError]:
        """See Session."""
        is_point = self._is_point(calls)
        if is_point and self._point.moment == "amid":
            await self._session.execute_together(calls[: len(calls) // 2])
        if is_point and self._point.moment != "after":
            self._crash()
        results = await self._session.execute_together(calls)
        if is_point:
            self._crash()
        return results

    def now(self) -> int:
        """See Session."""
        return self._session.now()

    async def pause(self, seconds: float) -> None:
        """See Session."""
        await self._session.pause(seconds)

    def _is_point(self, calls: Sequence[Call]) -> bool:
        if any(step_of(call) == self._point.step for call in calls):
            self._left -= 1
            return self._left == 0
        return False


def kill_this_process() -> None:
    """As a power failure would, as far as this process is concerned."""
    os.kill(os.getpid(), signal.SIGKILL)
