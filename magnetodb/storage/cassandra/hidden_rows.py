"""Writes the hidden rows that follow from items, after the items are decided: a logged batch for each item, with the
item's version as timestamp, or the direct path.

`done` goes with the rows, and is written alone only after all of them are durable: it says that they need nobody's
help.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import Final, NamedTuple

from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.decisions import DECISION_SECONDS_MAX
from magnetodb.storage.cassandra.direct_path import CircuitBreaker, write_all
from magnetodb.storage.cassandra.intents import Intent, Intents
from magnetodb.storage.cassandra.item_row import HiddenRows
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind, Result, Session
from magnetodb.storage.cassandra.session_errors import BatchInLog, CassandraError, TableGone, TooLarge

BATCH_BYTES_MAX: Final = 40_000
"""A larger batch goes the direct path at once. Cassandra refuses batches of 50 KiB by default."""

_STATEMENT_BYTES: Final = 60

Gone = Callable[[Iterable[str]], Awaitable[Collection[str]]]
"""Which of these tables do not exist any more: `schema.RowTables.gone`."""


class HiddenWrite(NamedTuple):
    """The hidden rows of one item, and the intents that go with them."""

    rows: HiddenRows
    intents: tuple[Intent, ...]

    def row_statements(self) -> list[Bound]:
        """Puts and deletes of hidden rows."""
        _, version, _, puts, deletes = self.rows
        statements = [Bound(cql.put_hidden(each.table), (version, value, *each.key)) for each, value in puts]
        return statements + [Bound(cql.delete_hidden(each.table), (version, *each.key)) for each in deletes]

    def row_tables(self) -> list[str]:
        """The table of each of `row_statements`."""
        return [each.table for each, _ in self.rows.puts] + [each.table for each in self.rows.deletes]

    def done_statement(self) -> Bound:
        """Says that the hidden rows are written."""
        position, version, seconds, _, _ = self.rows
        return Bound(cql.set_done(position.table), (version, seconds, version, *position.key))

    def size(self) -> int:
        """Of its batch in bytes, roughly."""
        _, _, _, puts, deletes = self.rows
        keys = sum(len(each.partition) + len(each.sort) + _STATEMENT_BYTES for each in deletes)
        values = sum(len(each.partition) + len(each.sort) + len(value) + _STATEMENT_BYTES for each, value in puts)
        return keys + values + (1 + len(self.intents)) * _STATEMENT_BYTES


class HiddenWriter:
    """Writes hidden rows. `gone` is asked where a node says that it has no such table; `batch_bytes_max`: what the
    servers take of a logged batch."""

    def __init__(
        self, session: Session, intents: Intents, gone: Gone, *, batch_bytes_max: int = BATCH_BYTES_MAX
    ) -> None:
        self._session = session
        self._intents = intents
        self._gone = gone
        self._batch_bytes_max = batch_bytes_max
        self.breaker = CircuitBreaker(session)

    async def write(self, writes: Sequence[HiddenWrite], *, until: float | None = None) -> list[bool]:
        """Write the rows of each item; which of them are through. The others are left to recovery: their intents are
        still there. Nothing but the batches is begun after `until` (of the monotonic clock)."""
        until = monotonic() + DECISION_SECONDS_MAX if until is None else until
        through = [False] * len(writes)
        large = [write.size() > self._batch_bytes_max for write in writes]
        batched = [] if self.breaker.is_open else [each for each in range(len(writes)) if not large[each]]
        if batched:
            for each, result in zip(batched, await self._batches([writes[each] for each in batched]), strict=True):
                through[each] = not isinstance(result, CassandraError) or isinstance(result, BatchInLog)
                if not through[each] and not isinstance(result, TooLarge | TableGone):
                    self.breaker.trip()
        left = [each for each in range(len(writes)) if not through[each]]
        if left:
            for each, durable in zip(left, await self._directly([writes[each] for each in left], until), strict=True):
                through[each] = durable
        return through

    async def _batches(self, writes: Sequence[HiddenWrite]) -> Sequence[Result | CassandraError]:
        calls = [
            Call(
                (
                    *write.row_statements(),
                    write.done_statement(),
                    *[intent.removal() for intent in write.intents],
                ),
                Kind.LOGGED,
                Consistency.LOCAL_QUORUM,
                idempotent=True,
                urgent=True,
            )
            for write in writes
        ]
        if len(calls) > 1:
            return await self._session.execute_together(calls)
        try:
            return [await self._session.execute(calls[0])]
        except CassandraError as error:
            return [error]

    async def _directly(self, writes: Sequence[HiddenWrite], until: float) -> list[bool]:
        """The rows of all, then `done` of those that are complete, then their intents: in this order, because `done`
        says that the rows are there, and an intent that they may not be."""
        statements: list[Bound] = []
        tables: list[str] = []
        ends: list[int] = []
        for write in writes:
            statements += write.row_statements()
            tables += write.row_tables()
            ends.append(len(statements))
        durable = await self._write_all(statements, tables, until)
        complete = [all(durable[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        through = [each for each, whole in enumerate(complete) if whole]
        dones = [writes[each].done_statement() for each in through]
        done = await self._write_all(dones, [writes[each].rows.position.table for each in through], until)
        finished = [each for each, durable_now in zip(through, done, strict=True) if durable_now]
        for each in finished:
            await self._intents.remove(writes[each].intents)
        return [each in finished for each in range(len(writes))]

    async def _write_all(self, statements: Sequence[Bound], tables: Sequence[str], until: float) -> list[bool]:
        """Which of the statements are durable, or need not be: their table is gone."""
        errors = await write_all(self._session, statements, until)
        unknown = {table for table, error in zip(tables, errors, strict=True) if isinstance(error, TableGone)}
        gone = await self._gone(unknown) if unknown else ()
        return [error is None or table in gone for table, error in zip(tables, errors, strict=True)]
