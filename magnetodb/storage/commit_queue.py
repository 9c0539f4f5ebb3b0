"""What waits to be committed, table by table, so that a table with a long queue holds up no other.

A group takes a share of every table's queue. The share is the larger the longer the queue has become, so that whatever
waits is taken with one of the next `groups_max` groups, whatever comes after it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from magnetodb.errors import StorageBusy, StorageError

QUEUE_BYTES_MAX: Final = 64 * 1024 * 1024
"""More than this may not wait. A table that has less than its part of it may add to its part all the same."""

GROUP_BYTES: Final = 4 * 1024 * 1024
"""So much of what waits is one group. Groups are larger only where more than this times `groups_max` waits, or where
more tables wait than share this."""

CHANGE_BYTES: Final = 2048
"""What a change weighs in the queue besides its values."""


class Work:
    """Something to do inside a transaction that others may share."""

    __slots__ = ("arrival", "future")
    table = ""
    """Works of one table are done in the order in which they came."""
    size = CHANGE_BYTES
    arrival: int
    """In the order of arrival."""
    future: "asyncio.Future[Any]"
    lost = False
    """`apply` has written nothing, because the storage is not as the work expects."""
    refusal: StorageError | None = None
    """What its waiter gets instead of a result: `apply` has written nothing for it."""

    def apply(self, deadline: float) -> bool:
        """Run the statements; False: `deadline` (of the monotonic clock) came first, call again to go on.

        May be applied a second time from the start after a rollback, which `restart` announces.
        """
        return True

    def restart(self) -> None:
        """The transaction was rolled back; `apply` is called anew."""

    def result(self) -> Any:
        """What the waiter gets when the work is durable."""

    def settle(self, *, durable: bool) -> None:
        """The work is durable, or has failed for good."""


class TableQueue:
    """What waits of one table: `size` in bytes, of which a group takes at least `share`."""

    __slots__ = ("share", "size", "works")

    def __init__(self) -> None:
        self.works: deque[Work] = deque()
        self.size = 0
        self.share = 0


class CommitQueue:
    """The works that wait, in the order of their tables' turns. `size`: their bytes."""

    def __init__(self, groups_max: int) -> None:
        self.size = 0
        self._arrival = 0
        self._groups_max = groups_max
        self._tables: dict[str, TableQueue] = {}
        self._again: deque[list[Work]] = deque()

    def __bool__(self) -> bool:
        return bool(self._tables or self._again)

    def put(self, works: Sequence[Work]) -> None:
        """Queue all of them. Raises StorageBusy when too much waits; then none is queued."""
        size = sum([work.size for work in works])
        if self.size + size > QUEUE_BYTES_MAX and self._tables:
            self._check_parts(works)
        tables, arrival = self._tables, self._arrival
        for work in works:
            work.arrival = arrival = arrival + 1
            queue = tables.get(work.table)
            if queue is None:
                queue = tables[work.table] = TableQueue()
            queue.works.append(work)
            queue.size += work.size
            if queue.size > GROUP_BYTES:
                queue.share = max(queue.share, queue.size // self._groups_max + 1)
        self.size += size
        self._arrival = arrival

    def take(self) -> tuple[Sequence[Work], bool]:
        """What the next group begins with, and whether others may join it. Something must wait."""
        if self._again:
            return self._again.popleft(), False
        tables = self._tables
        if self.size <= GROUP_BYTES:
            self._tables = {}
            self.size = 0
            if len(tables) == 1:
                (queue,) = tables.values()
                return queue.works, True
            return _in_order([work for queue in tables.values() for work in queue.works]), True
        share = GROUP_BYTES // len(tables)
        group = [work for table, queue in [*tables.items()] for work in self._take_share(table, queue, share)]
        return _in_order(group), False

    def put_back(self, groups: Sequence[list[Work]]) -> None:
        """Have these taken next, in this order, each as a group of its own."""
        self._again.extendleft(reversed([group for group in groups if group]))

    def _take_share(self, table: str, queue: TableQueue, share: int) -> list[Work]:
        """The next works of one table: of at least so many bytes, and at least one."""
        left = queue.size - max(share, queue.share)
        taken: list[Work] = []
        works = queue.works
        size = queue.size
        while works and (size > left or not taken):
            work = works.popleft()
            size -= work.size
            taken.append(work)
        self.size -= queue.size - size
        queue.size = size
        if not works:
            del self._tables[table]
        return taken

    def _check_parts(self, works: Sequence[Work]) -> None:
        """Raise StorageBusy unless each table would still wait with no more than its part."""
        sizes: dict[str, int] = {}
        for work in works:
            sizes[work.table] = sizes.get(work.table, 0) + work.size
        part = QUEUE_BYTES_MAX // (len(self._tables.keys() | sizes.keys()))
        for table, size in sizes.items():
            queue = self._tables.get(table)
            if size + (queue.size if queue is not None else 0) > part:
                raise StorageBusy("Too many writes are waiting.")


def _in_order(works: list[Work]) -> list[Work]:
    """As they came: a batch of several tables may expect what one before it wrote to the table of another queue."""
    works.sort(key=_arrival)
    return works


def _arrival(work: Work) -> int:
    return work.arrival
