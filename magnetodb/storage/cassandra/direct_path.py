"""Hidden rows without the batchlog: where it can't be reached, and for batches that it does not take.

A logged batch wants two other nodes that take it into their batchlogs, and for some seconds after a node has died the
coordinator still picks that one. Then the rows are written one by one, which any quorum takes.
"""

from collections.abc import Sequence
from random import random
from time import monotonic
from typing import Final

from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind, Session
from magnetodb.storage.cassandra.session_errors import CassandraError, Refused

OPEN_MICROSECONDS: Final = 20_000_000
"""So long the direct path comes first after a logged batch has failed."""

CALLS_MAX: Final = 64
"""So many rows are on their way at once."""

TRIES_MAX: Final = 4
RETRY_SECONDS: Final = 0.05
"""Pause before the second try; doubled before each further one."""


class CircuitBreaker:
    """Whether the batchlog is left alone for the moment."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._until: int | None = None

    @property
    def is_open(self) -> bool:
        """The direct path comes first."""
        if self._until is None:
            return False
        now = self._session.now()
        # A clock that was moved back must not keep it open.
        if not self._until - OPEN_MICROSECONDS <= now < self._until:
            self._until = None
            return False
        return True

    def trip(self) -> None:
        """A logged batch has failed."""
        self._until = self._session.now() + OPEN_MICROSECONDS


async def write_all(session: Session, statements: Sequence[Bound], until: float) -> list[CassandraError | None]:
    """Write each statement by itself, some tries long; the last error of each that is not durable. A node that does not
    know a table yet is no reason to give up: the next try may be another one's. Statements must do no harm if they are
    sent twice, or arrive late. No try is begun after `until` (of the monotonic clock)."""
    errors: list[CassandraError | None] = [Refused("Not sent.")] * len(statements)
    left = list(range(len(statements)))
    for attempt in range(TRIES_MAX):
        if attempt:
            await session.pause(RETRY_SECONDS * 2 ** (attempt - 1) * (0.5 + random()))
        if monotonic() > until:
            break
        for start in range(0, len(left), CALLS_MAX):
            some = left[start : start + CALLS_MAX]
            calls = [
                Call((statements[each],), Kind.SINGLE, Consistency.LOCAL_QUORUM, idempotent=True, urgent=True)
                for each in some
            ]
            for each, result in zip(some, await session.execute_together(calls), strict=True):
                errors[each] = result if isinstance(result, CassandraError) else None
        left = [each for each in left if errors[each] is not None]
        if not left:
            break
    return errors
