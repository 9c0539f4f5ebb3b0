"""Where an item's row and its index rows are: keys of items <-> keys of rows, worked out once per table.

Rows of a table: partition = its partition attribute; sort = its sort attribute, or b"".
Rows of a local index: partition = the table's; sort = index sort attribute, table sort attribute.
Rows of a global index: partition = its partition attributes; sort = its sort attributes, then the table's key, so that
equal index keys lie side by side. Encoding and joining: `key_encoding`. Written to disk: do not change.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from magnetodb.errors import ValidationException
from magnetodb.model.attribute_values import AttributeValue
from magnetodb.model.expiry_keys import ExpiryCodec
from magnetodb.model.items import Item, canonical_item
from magnetodb.model.key_encoding import (
    ENCODE,
    decode_key_value,
    encode_key_value,
    ended,
    escaped,
    join,
    prefix_end,
    split,
)
from magnetodb.model.key_validation import (
    PARTITION_KEY_BYTES_MAX,
    SORT_KEY_BYTES_MAX,
    IndexKeyAttribute,
    KeyAttribute,
    check_condition_value,
    check_index_keys,
    refuse_item_key,
    refuse_requested_key,
)
from magnetodb.model.rows import RowKey, SortRange
from magnetodb.model.table import Index, Table

START_KEY_INVALID: Final = "The provided starting key is invalid"

_Encode = Callable[[Mapping[str, AttributeValue]], bytes | None]


class TableKeys:
    """The keys of a table and its indexes. Immutable; right as long as its `table` is the current one."""

    __slots__ = (
        "_index_attributes",
        "_string_key",
        "base",
        "derives",
        "expiry",
        "indexes",
        "maintained",
        "only_deleted",
        "table",
    )

    def __init__(self, table: Table) -> None:
        self.table = table
        self.base = KeyCodec(table)
        self._string_key = _string_key(self.base)
        self.indexes = {name: KeyCodec(table, index) for name, index in table.indexes.items()}
        self.maintained = tuple(
            codec for name, codec in self.indexes.items() if table.indexes[name].status != "DELETING"
        )
        """Codecs of the indexes that a write keeps in step."""
        self.only_deleted = tuple(
            codec for codec in self.maintained if codec.index is not None and codec.index is table.unfilled_index
        )
        """Those of them in which writes put no rows yet: a row that one process puts must be deleted by every other one
        that changes the item, and not all of them know of the index."""
        self.expiry = _expiry(table, self.base)
        """Codec of the rows that say when items expire, which a write keeps in step too. None: items do not expire."""
        self.derives = bool(self.maintained) or self.expiry is not None
        """Whether rows follow from items at all."""
        self._index_attributes = tuple(
            IndexKeyAttribute(attribute.name, attribute.type, attribute.bytes_max, attribute.bytes_max // 4, name)
            for name, codec in self.indexes.items()
            for attribute in codec.own_attributes
            if codec in self.maintained and attribute.name not in self.base.names
        )

    def row_key(self, item: Item) -> RowKey:
        """The row of a canonical item that is to be put; raises ValidationException if a key attribute of the table is
        missing, or one of the table or of an index is not valid."""
        key = self.base.row_key(item)
        if key is None:
            refuse_item_key(self.base.own_attributes, item)
        if self._index_attributes:
            check_index_keys(self._index_attributes, item, None, updating=False)
        return key

    def requested_key(self, raw: dict[str, Any]) -> RowKey:
        """The row that the raw Key of a request names; raises ValidationException or SerializationException."""
        key = self._string_key(raw)
        if key is not None:
            return key
        item, _ = canonical_item(raw)
        key = self.base.row_key(item)
        if key is None or len(item) != len(self.base.names):
            refuse_requested_key(self.base.own_attributes, item)
        return key

    def check_index_keys(self, item: Item, old: Item | None = None, *, updating: bool = True) -> None:
        """Check the index key attributes of an item that an update made of `old` (of none: None); raises
        ValidationException. Attributes that the update left as they were are not checked."""
        if self._index_attributes:
            check_index_keys(self._index_attributes, item, old, updating)


class KeyCodec:
    """The keys of one row table: of the table's items, or of one index."""

    __slots__ = (
        "_sort_ended",
        "_sort_types",
        "_start_key_names",
        "_table_rows_id",
        "_tail",
        "index",
        "names",
        "own_attributes",
        "partition_attributes",
        "partition_of",
        "projection",
        "row_key",
        "rows_id",
        "sort_attributes",
        "sort_of",
    )

    def __init__(self, table: Table, index: Index | None = None) -> None:
        schema = index.key if index else table.key
        self.index = index
        self.rows_id = index.rows_id if index else table.rows_id
        self.partition_attributes = _attributes(table, schema.partition, PARTITION_KEY_BYTES_MAX)
        self.sort_attributes = _attributes(table, schema.sort, SORT_KEY_BYTES_MAX)
        self.own_attributes = self.partition_attributes + self.sort_attributes
        """The attributes of the key schema, partition attributes first."""
        self.names = tuple(dict.fromkeys(table.key.names + schema.names))
        """The names in a LastEvaluatedKey: the table's key, then the index's."""
        self.projection = _projection(index, self.names)
        """Names of the attributes that the rows hold; None: all."""
        self._table_rows_id = table.rows_id
        self._tail = _tail(table, index)
        self._sort_ended = bool(self._tail)
        self.partition_of: _Encode = _encoder(self.partition_attributes)
        """The partition of an item; None where a key attribute is absent or not valid."""
        self.sort_of: _Encode = _encoder(self.sort_attributes + self._tail)
        """The sort key of an item; None where a key attribute is absent or not valid."""
        self.row_key: Callable[[Mapping[str, AttributeValue]], RowKey | None] = _row_key(self)
        """The row of an item; None where a key attribute is absent or not valid: the index has no row of that item."""

    def partition(self, values: Mapping[str, AttributeValue]) -> bytes:
        """The partition that a key condition names by a value for each partition attribute; raises
        ValidationException for a value that no key can have."""
        for attribute in self.partition_attributes:
            check_condition_value(attribute, values[attribute.name])
        return join([encode_key_value(values[each.name], each.type) for each in self.partition_attributes])

    def sort_range(
        self, equal: Sequence[AttributeValue], operator: str | None = None, operands: Sequence[AttributeValue] = ()
    ) -> SortRange:
        """The sort keys whose first attributes equal `equal` and whose next one satisfies `operator`: one of <, <=, >,
        >=, BETWEEN, begins_with (on S and B only), or None for all.

        Raises ValidationException for a value that no key can have.
        """
        bounds = [self._condition_bytes(position, value) for position, value in enumerate(equal)]
        if not self._sort_ended:
            # A table has one sort attribute at most, and it stands alone.
            return _last_part_equal(bounds[0]) if bounds else self._operator_range(b"", 0, operator, operands)
        return self._operator_range(b"".join(map(ended, bounds)), len(bounds), operator, operands)

    def key_attributes(self, key: RowKey) -> Item:
        """The key attributes in a row key, in the order of `names`: what LastEvaluatedKey holds."""
        values = self._decode(key)
        return {name: values[name] for name in self.names}

    def key_item(self, item: Item) -> Item:
        """The key attributes of an item that has a row here, in the order of `names`."""
        return {name: item[name] for name in self.names}

    def table_key(self, key: RowKey) -> RowKey:
        """The row of the item that a row here belongs to."""
        if self.index is None:
            return key
        parts = split(key.sort, len(self.sort_attributes) + len(self._tail))
        tail = parts[len(self.sort_attributes) :]
        if self.index.kind == "LSI":
            return RowKey(self._table_rows_id, key.partition, tail[0])
        return RowKey(self._table_rows_id, tail[0], tail[1] if len(tail) > 1 else b"")

    def start_key(self, raw: dict[str, Any]) -> RowKey:
        """The row that the raw ExclusiveStartKey of a request names (there need be none); raises ValidationException
        or SerializationException."""
        item, _ = canonical_item(raw)
        key = self.row_key(item)
        if key is not None and len(item) == len(self.names):
            return key
        raise ValidationException(START_KEY_INVALID)

    def _decode(self, key: RowKey) -> Item:
        sorted_attributes = self.sort_attributes + self._tail
        parts = split(key.partition, len(self.partition_attributes))
        if sorted_attributes:
            parts += split(key.sort, len(sorted_attributes))
        return {
            attribute.name: decode_key_value(part, attribute.type)
            for attribute, part in zip(self.partition_attributes + sorted_attributes, parts, strict=True)
        }

    def _condition_bytes(self, position: int, value: AttributeValue) -> bytes:
        attribute = self.sort_attributes[position]
        check_condition_value(attribute, value)
        return encode_key_value(value, attribute.type)

    def _operator_range(
        self, prefix: bytes, position: int, operator: str | None, operands: Sequence[AttributeValue]
    ) -> SortRange:
        """`prefix`: the ended parts before the attribute at `position`."""
        prefix_range = SortRange(prefix, prefix_end(prefix))
        if operator is None:
            return prefix_range
        bounds = [self._condition_bytes(position, operand) for operand in operands]
        if operator == "begins_with":
            beginning = prefix + (escaped(bounds[0]) if self._sort_ended else bounds[0])
            return SortRange(beginning, prefix_end(beginning))
        ranges = [_ended_part_equal(prefix, bound) if self._sort_ended else _last_part_equal(bound) for bound in bounds]
        return _compared(operator, prefix_range, ranges)


def _expiry(table: Table, base: KeyCodec) -> ExpiryCodec | None:
    expiry = table.time_to_live
    if expiry is None or expiry.status == "DISABLING":
        return None
    return ExpiryCodec(base.row_key, expiry.attribute, expiry.rows_id, table.rows_id, sorted_table=bool(table.key.sort))


def _compared(operator: str, every: SortRange, ranges: list[SortRange]) -> SortRange:
    """The part of `every` that compares so with the keys in each of `ranges`."""
    if operator == "<":
        return SortRange(every.start, ranges[0].start)
    if operator == "<=":
        return SortRange(every.start, ranges[0].end)
    if operator == ">":
        assert ranges[0].end is not None
        return SortRange(ranges[0].end, every.end)
    if operator == ">=":
        return SortRange(ranges[0].start, every.end)
    assert operator == "BETWEEN"
    start, end = ranges[0].start, ranges[1].end
    assert end is not None
    return SortRange(start, max(start, end))


def _last_part_equal(part: bytes) -> SortRange:
    return SortRange(part, part + b"\x00")


def _ended_part_equal(prefix: bytes, part: bytes) -> SortRange:
    beginning = prefix + ended(part)
    return SortRange(beginning, prefix_end(beginning))


def _attributes(table: Table, names: Sequence[str], bytes_max: int) -> tuple[KeyAttribute, ...]:
    return tuple(KeyAttribute(name, table.attribute_types[name], bytes_max) for name in names)


def _tail(table: Table, index: Index | None) -> tuple[KeyAttribute, ...]:
    """The table's key attributes that end the sort key of an index row."""
    if index is None:
        return ()
    sort = _attributes(table, table.key.sort, SORT_KEY_BYTES_MAX)
    if index.kind == "LSI":
        return sort
    return _attributes(table, table.key.partition, PARTITION_KEY_BYTES_MAX) + sort


def _projection(index: Index | None, names: tuple[str, ...]) -> tuple[str, ...] | None:
    if index is None or index.projection == "ALL":
        return None
    return tuple(dict.fromkeys(names + index.attributes)) if index.projection == "INCLUDE" else names


def _encoder(attributes: Sequence[KeyAttribute]) -> _Encode:
    """A function from an item to the joined bytes of these attributes."""
    if not attributes:
        return lambda item: b""
    *leading, last = map(_attribute_encoder, attributes)
    if not leading:
        return last

    def encode(item: Mapping[str, AttributeValue]) -> bytes | None:
        key = b""
        for encode_part in leading:
            part = encode_part(item)
            if part is None:
                return None
            key += part.replace(b"\x00", b"\x00\xff") + b"\x00\x01"
        part = last(item)
        return None if part is None else key + part

    return encode


def _attribute_encoder(attribute: KeyAttribute) -> _Encode:
    name, attribute_type, bytes_max = attribute
    encode_payload = ENCODE[attribute_type]

    def encode(item: Mapping[str, AttributeValue]) -> bytes | None:
        value = item.get(name)
        if value is None:
            return None
        payload = value.get(attribute_type)
        if not payload:
            return None
        part = encode_payload(payload)
        return part if len(part) <= bytes_max else None

    return encode


def _row_key(codec: KeyCodec) -> Callable[[Mapping[str, AttributeValue]], RowKey | None]:
    rows_id, partition_of, sort_of = codec.rows_id, codec.partition_of, codec.sort_of
    own = codec.own_attributes
    if codec.index is None and len(own) == 2 and own[0].type == own[1].type == "S":
        return _two_strings(rows_id, own[0].name, own[1].name)

    def row_key(item: Mapping[str, AttributeValue]) -> RowKey | None:
        partition = partition_of(item)
        if partition is None:
            return None
        sort = sort_of(item)
        return None if sort is None else RowKey(rows_id, partition, sort)

    return row_key


def _string_key(codec: KeyCodec) -> Callable[[dict[str, Any]], RowKey | None]:
    """A function from the raw Key of a request to its row, for keys of strings with nothing to complain of; None sends
    any other Key the long way."""
    names, row_key = codec.names, codec.row_key
    if any(attribute.type != "S" for attribute in codec.own_attributes):
        return lambda raw: None

    def string_key(raw: dict[str, Any]) -> RowKey | None:
        if len(raw) != len(names):
            return None
        for name in names:
            value = raw.get(name)
            if type(value) is not dict or len(value) != 1 or type(value.get("S")) is not str:
                return None
        return row_key(raw)

    return string_key


def _two_strings(
    rows_id: str, partition_name: str, sort_name: str
) -> Callable[[Mapping[str, AttributeValue]], RowKey | None]:
    """The most frequent key of all, without a call per attribute."""

    def row_key(item: Mapping[str, AttributeValue]) -> RowKey | None:
        try:
            partition = item[partition_name]["S"].encode()
            sort = item[sort_name]["S"].encode()
        except KeyError:
            return None
        if 0 < len(partition) <= PARTITION_KEY_BYTES_MAX and 0 < len(sort) <= SORT_KEY_BYTES_MAX:
            return RowKey(rows_id, partition, sort)
        return None

    return row_key
