"""What a storage backend provides: rows, and batches of changes to them. Nothing else.

Two rules keep this interface narrow. Reads know nothing of Limit, filters or capacity: those live above. And whatever
must be remembered (table_info, idempotency tokens, leases, job positions) is a row of a system table, written by the
same `commit`.
"""

from collections.abc import Sequence
from typing import Protocol

from magnetodb.model.rows import Batch, Committed, Lost, Page, Row, RowKey, SortRange, TokenRange

READ_BYTES_MAX = 1_048_576
"""A page of `query` or `scan` ends at the row with which its values reach this many bytes."""


class StorageDriver(Protocol):
    """All methods are coroutines of the process's one event loop. They raise the storage errors of `errors.py`:
    StorageUnavailable, StorageFull, StorageBusy (retryable), RowTableNotFound."""

    async def create_table(self, table: str, *, local_to: str | None = None) -> None:
        """Make room for the rows of `table` (an id of [a-z0-9_], at most 48 characters). Does nothing if it is there.

        `local_to`: the rows live in the partitions of that other table (they share its partition keys).
        """

    async def drop_table(self, table: str) -> None:
        """The rows are gone for every later call; their space is reclaimed in the background. Nothing happens if it is
        not there."""

    async def get(
        self, keys: Sequence[RowKey], *, consistent: bool = True, for_write: bool = False
    ) -> list[Row | None]:
        """The rows in the order of `keys`, None where there is none. Keys may name several tables.

        `for_write`: the freshest state that this process knows, which may be `pending`.
        """

    async def query(
        self,
        table: str,
        partition: bytes,
        sorts: SortRange,
        *,
        limit: int,
        reverse: bool = False,
        consistent: bool = True,
    ) -> Page:
        """At most `limit` rows of one partition in the order of their sort keys (`reverse`: from the end)."""

    def token(self, partition: bytes) -> int:
        """The token of a partition, as TokenRange counts them: `scan` orders rows by (token, partition, sort)."""

    async def scan(self, table: str, tokens: TokenRange, *, limit: int, after: RowKey | None = None) -> Page:
        """At most `limit` rows of the partitions in a token range, ordered by (token, partition, sort), behind `after`
        (which needs not exist). The order is the same for every call."""

    async def commit(self, batches: Sequence[Batch]) -> list[Committed | Lost]:
        """Each batch all or nothing by itself, in the order given; returns when those committed are durable. Batches of
        one call, and of several calls, may share one fsync. What is raised where one of several failed says in
        `outcomes` what became of the others."""

    async def recover(self) -> bool:
        """Finish what crashed commits left behind, in a step of some seconds; whether more waits that can be done at
        once."""

    async def close(self) -> None:
        """Wait for the commits in hand and release everything."""
