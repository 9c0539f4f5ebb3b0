"""A driver in whose place another one comes later, and perhaps goes again: a service may start before its cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from magnetodb.errors import StorageError, StorageUnavailable
from magnetodb.model.rows import Batch, Committed, Lost, Page, Row, RowKey, SortRange, TokenRange
from magnetodb.storage.commit_epochs import CommitEpochs
from magnetodb.storage.driver import StorageDriver


class LateDriver:
    """See StorageDriver. Until `arrive`, and after `leave`, every call raises StorageUnavailable with the `reason`.

    `epochs` is told what is under way that may write.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.epochs = CommitEpochs()
        self._driver: StorageDriver | None = None

    @property
    def is_there(self) -> bool:
        """Whether somebody has arrived who has not left."""
        return self._driver is not None

    def arrive(self, driver: StorageDriver) -> None:
        """From now on this one does everything."""
        self._driver = driver

    def leave(self, reason: str) -> None:
        """From now on nobody does anything."""
        self.reason = reason
        self._driver = None

    async def create_table(self, table: str, *, local_to: str | None = None) -> None:
        """See StorageDriver."""
        await self._there().create_table(table, local_to=local_to)

    async def drop_table(self, table: str) -> None:
        """See StorageDriver."""
        await self._there().drop_table(table)

    async def get(
        self, keys: Sequence[RowKey], *, consistent: bool = True, for_write: bool = False
    ) -> list[Row | None]:
        """See StorageDriver."""
        driver = self._there()
        if not for_write:
            return await driver.get(keys, consistent=consistent)
        # It may finish what others have decided.
        with self._epoch():
            return await driver.get(keys, for_write=True)

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
        """See StorageDriver."""
        return await self._there().query(table, partition, sorts, limit=limit, reverse=reverse, consistent=consistent)

    def token(self, partition: bytes) -> int:
        """See StorageDriver."""
        return self._there().token(partition)

    async def scan(self, table: str, tokens: TokenRange, *, limit: int, after: RowKey | None = None) -> Page:
        """See StorageDriver."""
        return await self._there().scan(table, tokens, limit=limit, after=after)

    async def commit(self, batches: Sequence[Batch]) -> list[Committed | Lost]:
        """See StorageDriver."""
        driver = self._there()
        epoch = self.epochs.begin()
        try:
            outcomes = await driver.commit(batches)
        except StorageError as error:
            # Of several it is not known which error each one met; of a StorageError, whether it was written.
            if len(batches) == 1 and type(error) is not StorageError:
                self.epochs.end(epoch)
            raise
        self.epochs.end(epoch)
        return outcomes

    async def recover(self) -> bool:
        """See StorageDriver."""
        driver = self._there()
        with self._epoch():
            return await driver.recover()

    async def close(self) -> None:
        """See StorageDriver."""
        if self._driver is not None:
            await self._driver.close()
            self.leave("The storage is closed.")

    @contextmanager
    def _epoch(self) -> Iterator[None]:
        """Of what writes nothing of its own, but may finish what others have decided: what it has sent without an
        answer is no error of it, and as after its success."""
        epoch = self.epochs.begin()
        try:
            yield
        except StorageError as error:
            if type(error) is not StorageError:
                self.epochs.end(epoch)
            raise
        self.epochs.end(epoch)

    def _there(self) -> StorageDriver:
        if self._driver is None:
            raise StorageUnavailable(self.reason)
        return self._driver
