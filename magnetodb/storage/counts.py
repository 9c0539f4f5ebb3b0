"""How many items a table and its indexes have, and of what size: added up from writes, never by counting on request.

Each process adds what its own writes change and stores the sums every few seconds (`flush`), by compare and set. A
process that ends without storing them leaves its mark behind, and then tables are counted anew (`Recount`).

Where processes share a storage, each has a mark of its own and renews it: a mark that is no longer renewed says that
its process has ended. How many there are says how many processes are at work.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Final

import orjson

from magnetodb.errors import StorageFull
from magnetodb.model.derived_rows import Derived, derived
from magnetodb.model.items import StoredItem
from magnetodb.model.keys import TableKeys
from magnetodb.model.rows import ABSENT, ANY, Change, Committed, Row, RowKey, SortRange
from magnetodb.model.table import Table
from magnetodb.storage.driver import StorageDriver

COUNTS: Final = "counts"
"""Partition: id of a row table; value: JSON [items, bytes]. Partition `UNCLEAN`: somebody adds up in memory."""

UNCLEAN: Final = RowKey(COUNTS, b"-", b"")
"""There while a process adds up in memory; no row table has this id. Of processes that share the storage, each has a
row in this partition, with its own sort key."""

RENEW_SECONDS: Final = 20.0
"""A mark is renewed so often, when sums are stored."""

LOST_SECONDS: Final = 90.0
"""A process whose mark was not renewed for so long has ended."""

PROCESSES_MAX: Final = 1000
"""So many marks are looked at."""

FLUSH_ROWS_MAX: Final = 100
"""So many sums are stored in one commit."""

_log = logging.getLogger(__name__)


class Counter:
    """The items of one row table and their bytes, with what other processes stored as far as it is known."""

    __slots__ = ("bytes", "foreign", "items", "loaded", "row", "stored")

    def __init__(self) -> None:
        self.items = 0
        self.bytes = 0
        self.foreign = 0
        """How often it was found that others had stored something."""
        self.stored = (0, 0)
        """What the row says, as far as it is known."""
        self.row: Row | None = None
        self.loaded = False

    def merge(self, row: Row | None) -> None:
        """Take over what others stored since."""
        if _version(row) != _version(self.row):
            self.foreign += 1
        items, size = orjson.loads(row.value) if row is not None else (0, 0)
        self.items += items - self.stored[0]
        self.bytes += size - self.stored[1]
        self.stored = (items, size)
        self.row = row
        self.loaded = True

    def flushed(self, stored: tuple[int, int], row: Row) -> None:
        """What was changed meanwhile stays to be stored."""
        self.stored = stored
        self.row = row
        self.loaded = True


class Counts:
    """The counters of this process. All methods belong to the event loop.

    `owner`: where processes share the storage, a name that no other process ever has; None: this one is alone.
    """

    def __init__(
        self, driver: StorageDriver, *, owner: str | None = None, monotonic: Callable[[], float] = monotonic
    ) -> None:
        self._driver = driver
        self._shared = owner is not None
        self.mark_key = UNCLEAN._replace(sort=(owner or "").encode())
        self._acknowledged = 0
        self._monotonic = monotonic
        self._mark_at = 0.0
        self._watched: dict[bytes, tuple[int, float]] = {}
        self.processes = 1
        """How many processes are at work on the storage, as far as it is known."""
        self._counters: dict[str, Counter] = {}
        self._recounts: dict[str, Recount] = {}
        self.writes = 0
        """Writes added since the start: whether it grows tells background work that others are writing."""
        self.lost = False
        """Sums were lost with an earlier process, and not every table is ordered to be counted anew yet. Who has
        ordered that says so here; the mark stays until then, whatever becomes of this process."""
        self._marked = True

    def add(self, key: RowKey, old: StoredItem | None, new: StoredItem | None, followed: Derived) -> None:
        """Add a write that is durable, and what followed from it. Called once for each, before its caller awaits
        anything else."""
        self.writes += 1
        counter = self._counters.get(key.table)
        if counter is None:
            counter = self._counters[key.table] = Counter()
        if old is None:
            if new is None:
                return
            counter.items += 1
            counter.bytes += new.size
        elif new is None:
            counter.items -= 1
            counter.bytes -= old.size
        else:
            counter.bytes += new.size - old.size
        for rows_id, items, size in followed.sums:
            counter = self._counter(rows_id)
            counter.items += items
            counter.bytes += size
        if self._recounts:
            recount = self._recounts.get(key.table)
            if recount is not None:
                recount.observe(key, old, new)

    async def of(self, table: Table) -> dict[str, tuple[int, int]]:
        """(items, bytes) by the id of each row table of a table. Raises StorageErrors."""
        ids = [table.rows_id, *(index.rows_id for index in table.indexes.values())]
        counters = [(each, self._counter(each)) for each in ids]
        await self._load([each for each, counter in counters if self._shared or not counter.loaded])
        # While an index is being filled, more may have been taken from it than was put there and counted.
        return {each: (max(counter.items, 0), max(counter.bytes, 0)) for each, counter in counters}

    async def open(self) -> bool:
        """Leave the mark that says that sums are in memory. True if there was one, where this process is alone: sums
        were lost. Where others are at work, `look_for_lost` tells. Where no space is left for the mark, reads can be
        served all the same: `flush` tries again. Raises other StorageErrors."""
        marks = await self._marks()
        self.lost = not self._shared and bool(marks)
        self._marked = any(mark.key == self.mark_key for mark in marks)
        try:
            await self._mark()
        except StorageFull as error:
            _log.warning("The disk is full; reads are served, and writes as soon as there is room: %s", error)
        return self.lost

    async def close(self) -> None:
        """Store all sums and take the mark away. No write may follow. Raises StorageErrors."""
        while await self._store():
            pass
        if not self.lost:
            await self._driver.commit([(Change(self.mark_key, ANY, None),)])

    async def acknowledge(self, generation: int, *, missing: bool) -> None:
        """Have the mark say that this process writes by that generation of tables, or by later ones only. It is written
        if it says something else, is `missing`, or due. Raises StorageErrors."""
        due = self._monotonic() - self._mark_at >= RENEW_SECONDS
        if missing or due or generation != self._acknowledged:
            self._acknowledged = generation
            await self._mark()

    async def all_acknowledge(self, generation: int) -> bool:
        """Whether the marks of all processes say so of this generation, or of a later one. Raises StorageErrors."""
        page = await self._driver.query(COUNTS, self.mark_key.partition, SortRange(), limit=PROCESSES_MAX)
        return not page.more and all(int(mark.value) >= generation for mark in page.rows)

    async def look_for_lost(self, *, alone: bool = False) -> bool:
        """Whether a process that shared the storage has ended without storing its sums, which `lost` says from now on.
        `alone`: no other one is at work; else those have ended whose marks were not renewed while this was called again
        and again for LOST_SECONDS. Raises StorageErrors."""
        now = self._monotonic()
        marks = {mark.key.sort: mark.version for mark in await self._marks() if mark.key != self.mark_key}
        self._watched = {
            sort: watched
            if (watched := self._watched.get(sort)) is not None and watched[0] == version
            else (version, float("-inf") if alone else now)
            for sort, version in marks.items()
        }
        self.lost = self.lost or bool(self._ended(now))
        return self.lost

    async def counting_is_ordered(self) -> None:
        """All tables are ordered to be counted: the marks of processes that have ended are of no more use. Raises
        StorageErrors."""
        if self._shared:
            gone = [self.mark_key._replace(sort=sort) for sort in self._ended(self._monotonic())]
        else:
            gone = [mark.key for mark in await self._marks() if mark.key != self.mark_key]
        if gone:
            await self._driver.commit([(Change(key, ANY, None),) for key in gone])
        self.lost = False

    def _ended(self, now: float) -> list[bytes]:
        return [sort for sort, (_, since) in self._watched.items() if now - since >= LOST_SECONDS]

    async def _marks(self) -> Sequence[Row]:
        partition = self.mark_key.partition
        return (await self._driver.query(COUNTS, partition, SortRange(), limit=PROCESSES_MAX)).rows

    async def flush(self) -> bool:
        """Store up to FLUSH_ROWS_MAX sums that have changed; whether more may be left. Leaves the mark first if `open`
        had no space for it. Raises StorageErrors."""
        if not self._marked:
            try:
                await self._mark()
            except StorageFull:
                if self.writes:
                    raise
                return False  # Nothing is in memory that could be lost.
        elif self._shared and self._monotonic() - self._mark_at >= RENEW_SECONDS:
            await self._mark()
        return await self._store()

    async def _mark(self) -> None:
        await self._driver.commit([(Change(self.mark_key, ANY, b"%d" % self._acknowledged),)])
        self._marked = True
        self._mark_at = self._monotonic()
        if self._shared:
            self.processes = max(1, len(await self._marks()))

    async def _store(self) -> bool:
        changed = [
            (rows_id, counter)
            for rows_id, counter in self._counters.items()
            if (counter.items, counter.bytes) != counter.stored
        ]
        part = changed[:FLUSH_ROWS_MAX]
        if not part:
            return False
        await self._load([rows_id for rows_id, counter in part if not counter.loaded])
        values = [(counter.items, counter.bytes) for _, counter in part]
        outcomes = await self._driver.commit(
            [
                (Change(_key(rows_id), ABSENT if counter.row is None else counter.row, orjson.dumps(value)),)
                for (rows_id, counter), value in zip(part, values, strict=True)
            ]
        )
        for (rows_id, counter), value, outcome in zip(part, values, outcomes, strict=True):
            if isinstance(outcome, Committed):
                counter.flushed(value, Row(_key(rows_id), orjson.dumps(value), outcome.versions[0]))
            else:
                counter.loaded = False
        return len(changed) > len(part) or any(not counter.loaded for _, counter in part)

    def forget(self, rows_ids: Iterable[str]) -> tuple[Change, ...]:
        """Row tables are gone: the changes that remove their sums."""
        for rows_id in rows_ids:
            self._counters.pop(rows_id, None)
            self._recounts.pop(rows_id, None)
        return tuple(Change(_key(rows_id), ANY, None) for rows_id in rows_ids)

    def begin_recount(self, keys: TableKeys) -> "Recount":
        """Count a table anew, beside the writes. One at a time per table; the last one begun counts."""
        recount = self._recounts[keys.base.rows_id] = Recount(self._driver, keys)
        return recount

    def end_recount(self, recount: "Recount", *, counted: bool) -> None:
        """Put its sums in place of those that were (`counted`), or give it up."""
        rows_id = recount.keys.base.rows_id
        if self._recounts.get(rows_id) is not recount:
            return
        del self._recounts[rows_id]
        if counted:
            for each, (items, size) in recount.sums.items():
                counter = self._counter(each)
                counter.items, counter.bytes = items, size

    async def disturbances(self, recount: "Recount") -> int:
        """How often other processes have stored sums of the table and its indexes, as far as this one has looked, which
        it does now. Raises StorageErrors."""
        await self._load(list(recount.sums))
        return sum(self._counter(rows_id).foreign for rows_id in recount.sums)

    def _counter(self, rows_id: str) -> Counter:
        counter = self._counters.get(rows_id)
        if counter is None:
            counter = self._counters[rows_id] = Counter()
        return counter

    async def _load(self, rows_ids: list[str]) -> None:
        if not rows_ids:
            return
        rows = await self._driver.get([_key(rows_id) for rows_id in rows_ids])
        for rows_id, row in zip(rows_ids, rows, strict=True):
            counter = self._counters.get(rows_id)
            # An older row than that which was stored here meanwhile says nothing new.
            if counter is not None and _version(row) >= _version(counter.row):
                counter.merge(row)


class Recount:
    """The sums of a table and its indexes, from its items in the order of a scan, while writes go on.

    Behind the position, a write adds what it changes. Ahead of it, writes are remembered for as long as a page takes:
    what a page holds of an item that was written around the time of its reading is not certain, what the last write
    left behind is.

        begin_page()            writes from now on are remembered
        ... read a page, wait until writes that were under way at its reading have been added ...
        end_page(rows, more)    the page is counted, the position moves behind it
    """

    def __init__(self, driver: StorageDriver, keys: TableKeys) -> None:
        self.keys = keys
        self.items = 0
        self.sums: dict[str, list[int]] = {codec.rows_id: [0, 0] for codec in (keys.base, *keys.maintained)}
        self.last: RowKey | None = None
        self._token = driver.token
        self._position: tuple[int, bytes, bytes] | None = None
        self._written: dict[RowKey, StoredItem | None] = {}

    def observe(self, key: RowKey, old: StoredItem | None, new: StoredItem | None) -> None:
        """A write that is durable."""
        if self._position is not None and self._place(key) <= self._position:
            self._add(old, new)
        else:
            self._written[key] = new

    def begin_page(self) -> None:
        """See above."""
        self._written.clear()

    def end_page(self, rows: list[Row], *, more: bool) -> None:
        """See above. The table ends with a page behind which there is no more."""
        written = self._written
        end = self._place(rows[-1].key) if rows and more else None
        for row in rows:
            if row.key not in written:
                self._add(None, StoredItem(row.value))
        for key, item in written.items():
            place = self._place(key)
            if item is not None and (end is None or place <= end):
                self._add(None, item)
        if rows:
            self.last = rows[-1].key
        self.items += len(rows)
        self._position = end if more else (2**64, b"", b"")
        self._written = {}

    def _place(self, key: RowKey) -> tuple[int, bytes, bytes]:
        return self._token(key.partition), key.partition, key.sort

    def _add(self, old: StoredItem | None, new: StoredItem | None) -> None:
        base = self.sums[self.keys.base.rows_id]
        base[0] += (new is not None) - (old is not None)
        base[1] += (0 if new is None else new.size) - (0 if old is None else old.size)
        for rows_id, items, size in derived(self.keys, old, new).sums:
            sums = self.sums[rows_id]
            sums[0] += items
            sums[1] += size


def _version(row: Row | None) -> int:
    return 0 if row is None else row.version


def _key(rows_id: str) -> RowKey:
    return RowKey(COUNTS, rows_id.encode(), b"")
