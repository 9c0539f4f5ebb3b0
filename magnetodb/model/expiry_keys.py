"""Where the rows lie that say when items expire: a hidden index by time, so that what is due is found without a scan.

Partition: one of 16 buckets, so that no partition has all of a table. Sort: the second of the expiry in eight bytes
(big-endian), then the key of the item's row. Written to disk: do not change.

    {"pk": {"S": "a"}, "expires": {"N": "1700000000.5"}}  ->  0x00-0x0F  00 00 00 00 65 53 F1 00  61
"""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Final
from zlib import crc32

from magnetodb.model.attribute_values import AttributeValue
from magnetodb.model.key_encoding import ended, split
from magnetodb.model.rows import RowKey, SortRange

EXPIRY_BUCKETS: Final = tuple(bytes([bucket]) for bucket in range(16))
"""The partitions of the rows."""

EXPIRY_AGE_SECONDS_MAX: Final = 5 * 365 * 86_400
"""Items that expired longer ago stay: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html"""

SECONDS_DIGITS_MAX: Final = 18
"""Of a time that can come; such a number fits eight bytes."""

_SECONDS_BYTES: Final = 8


class ExpiryCodec:
    """The keys of the rows of one table that say when items expire; to be used as a KeyCodec where rows follow from
    items. Pure: which rows are there does not depend on what time it is."""

    __slots__ = ("_sorted_table", "_table_rows_id", "attribute", "projection", "row_key", "rows_id")

    def __init__(
        self,
        item_key: Callable[[Mapping[str, AttributeValue]], RowKey | None],
        attribute: str,
        rows_id: str,
        table_rows_id: str,
        *,
        sorted_table: bool,
    ) -> None:
        self.attribute = attribute
        self.rows_id = rows_id
        self.projection: tuple[str, ...] = ()
        """The rows hold no attribute."""
        self._table_rows_id = table_rows_id
        self._sorted_table = sorted_table

        def row_key(item: Mapping[str, AttributeValue]) -> RowKey | None:
            seconds = expiry_seconds(item, attribute)
            if seconds is None:
                return None
            key = item_key(item)
            if key is None:
                return None
            bucket = EXPIRY_BUCKETS[crc32(key.sort, crc32(key.partition)) % len(EXPIRY_BUCKETS)]
            tail = ended(key.partition) + key.sort if sorted_table else key.partition
            return RowKey(rows_id, bucket, seconds.to_bytes(_SECONDS_BYTES, "big") + tail)

        self.row_key = row_key
        """The row of an item; None where the item never expires."""

    def table_key(self, key: RowKey) -> RowKey:
        """The row of the item that a row here belongs to."""
        tail = key.sort[_SECONDS_BYTES:]
        if not self._sorted_table:
            return RowKey(self._table_rows_id, tail, b"")
        partition, sort = split(tail, 2)
        return RowKey(self._table_rows_id, partition, sort)

    def is_due(self, item: Mapping[str, AttributeValue], now: float) -> bool:
        """Whether an item has expired, and not so long ago that it stays."""
        seconds = expiry_seconds(item, self.attribute)
        return seconds is not None and now - EXPIRY_AGE_SECONDS_MAX <= seconds < now


def expiry_seconds(item: Mapping[str, AttributeValue], attribute: str) -> int | None:
    """The whole second at which an item expires; None for one that never does because the attribute is absent, no
    number, negative or out of all bounds."""
    value = item.get(attribute)
    if value is None:
        return None
    number = value.get("N")
    if number is None:
        return None
    whole = number if number.isdigit() else number.partition(".")[0]
    return int(whole) if len(whole) <= SECONDS_DIGITS_MAX and whole.isdigit() else None


def due_range(now: float) -> SortRange:
    """The rows, in each bucket, of items that are due."""
    end = max(ceil(now), 0)
    return SortRange(_encoded(max(end - EXPIRY_AGE_SECONDS_MAX, 0)), _encoded(end))


def _encoded(seconds: int) -> bytes:
    return seconds.to_bytes(_SECONDS_BYTES, "big")
