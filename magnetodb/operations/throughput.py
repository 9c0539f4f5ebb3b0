"""Provisioned throughput, where an operator wants it enforced: a token bucket for the reads and one for the writes of
each provisioned table and GSI. Local indexes consume their table's.

A bucket is filled with the provisioned units each second and keeps what 300 seconds left unused, as AWS's burst
capacity does. What a request costs is known only when it is done, so a request is let in if a bucket has the least that
it may cost, and is charged for the rest afterwards: a bucket may owe.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html
"""

from collections.abc import Callable
from typing import Final

from magnetodb.errors import ProvisionedThroughputExceededException
from magnetodb.model.table import Index, Table

BURST_SECONDS: Final = 300
"""Unused capacity is kept for so long."""

NEW_BUCKET_SECONDS: Final = 1
"""A table or index that was not used yet has this much capacity."""

BUCKETS_MAX: Final = 20_000
"""Those not used for longest are forgotten, and start as new ones."""

READ: Final = 0
WRITE: Final = 1

TABLE_EXCEEDED: Final = (
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning"
    " level with the UpdateTable API."
)
INDEX_READ_EXCEEDED: Final = (
    "The level of configured provisioned throughput for the index was exceeded. Consider increasing your provisioning"
    " level with the UpdateTable API."
)
INDEX_WRITE_EXCEEDED: Final = (
    "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded."
    " Consider provisioning your under-provisioned global secondary indexes with the UpdateTable API."
)


class Bucket:
    """Units that are there now, as of the time `at`."""

    __slots__ = ("at", "units")

    def __init__(self, units: float, at: float) -> None:
        self.units = units
        self.at = at

    def fill(self, rate: float, now: float) -> None:
        """Add what has come since. A clock that was moved back adds nothing."""
        if now > self.at:
            self.units = min(self.units + (now - self.at) * rate, rate * BURST_SECONDS)
        self.at = now


class Throughput:
    """The buckets of one cell. `clock`: seconds since the epoch, the cell's own. `processes`: how many serve the
    tables; each grants its equal share."""

    def __init__(self, clock: Callable[[], float], processes: Callable[[], int] = lambda: 1) -> None:
        self._clock = clock
        self._processes = processes
        self._buckets: dict[tuple[str, int], Bucket] = {}

    def admit_read(self, table: Table, index: Index | None = None, *, consistent: bool) -> None:
        """Take the least that a read may cost, or raise ProvisionedThroughputExceededException."""
        bucket = self._bucket(table, index, READ)
        least = _least_read(consistent)
        if bucket is None:
            return
        if bucket.units < least:
            raise ProvisionedThroughputExceededException(TABLE_EXCEEDED if _own(index) is None else INDEX_READ_EXCEEDED)
        bucket.units -= least

    def admit_write(self, table: Table) -> None:
        """Take the least that a write may cost, or raise ProvisionedThroughputExceededException. A GSI that owes stops
        all writes of its table: which of them would change it is not known yet."""
        bucket = self._bucket(table, None, WRITE)
        if bucket is None:
            return
        if bucket.units < 1:
            raise ProvisionedThroughputExceededException(TABLE_EXCEEDED)
        for index in table.global_indexes:
            index_bucket = self._bucket(table, index, WRITE)
            if index_bucket is not None and index_bucket.units < 1:
                raise ProvisionedThroughputExceededException(INDEX_WRITE_EXCEEDED)
        bucket.units -= 1

    def charge_read(self, table: Table, index: Index | None, units: float, *, consistent: bool) -> None:
        """Take what a read cost beyond the least."""
        bucket = self._bucket(table, index, READ)
        if bucket is not None:
            bucket.units -= units - _least_read(consistent)

    def charge_fetched(self, table: Table, units: float) -> None:
        """Take what the items cost that a read of a local index fetched from its table."""
        bucket = self._bucket(table, None, READ)
        if bucket is not None:
            bucket.units -= units

    def charge_write(self, table: Table, index: Index | None, units: float) -> None:
        """Take what a write cost: of a table beyond the least, of an index (which is charged nothing before) all."""
        bucket = self._bucket(table, index, WRITE)
        if bucket is not None:
            bucket.units -= units if index is not None else units - 1

    def _bucket(self, table: Table, index: Index | None, kind: int) -> Bucket | None:
        """The bucket as it is now; None where nothing is provisioned."""
        index = _own(index)
        provisioned = table.throughput if index is None else index.throughput
        rate = provisioned.read if kind == READ else provisioned.write
        if table.billing_mode != "PROVISIONED" or not rate:
            return None
        share = rate / self._processes()
        now = self._clock()
        key = (table.rows_id if index is None else index.rows_id, kind)
        # Taken out and put back, so that the first ones are those not used for longest.
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            # The share of one of many may be less than a request needs, which would never be let in.
            bucket = Bucket(max(share * NEW_BUCKET_SECONDS, 1.0), now)
            if len(self._buckets) >= BUCKETS_MAX:
                del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = bucket
        bucket.fill(share, now)
        return bucket


def _own(index: Index | None) -> Index | None:
    """The index whose throughput counts; None: the table's does."""
    return None if index is None or index.kind == "LSI" else index


def _least_read(consistent: bool) -> float:
    return 1.0 if consistent else 0.5
