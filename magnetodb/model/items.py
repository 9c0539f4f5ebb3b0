"""Items: canonical attribute values under their names, and the bytes in which a row keeps one."""

from collections.abc import Iterable
from struct import Struct
from typing import Any, Final, Self

import orjson

from magnetodb.errors import StorageError, ValidationException
from magnetodb.model.attribute_values import (
    AttributeValue,
    attributes_size,
    canonical_attributes,
    text_size,
    value_size,
)
from magnetodb.model.json_types import check_attribute_map

Item = dict[str, AttributeValue]

ITEM_BYTES_MAX: Final = 400 * 1024
"""Of an item's size by AWS's rules: UTF-8 names and values."""

ITEM_FORMAT: Final = b"\x01"
"""First byte of a stored item. Written to disk: another layout takes another byte."""

_HEAD: Final = Struct(">BI")
_SIZE_END: Final = _HEAD.size
"""Where the canonical JSON begins: behind the format byte and four bytes of size."""


def canonical_item(raw: dict[str, Any]) -> tuple[Item, int]:
    """The canonical item and its size in bytes; `raw` itself where nothing had to change.

    Raises ValidationException, or SerializationException if any attribute has a wrong JSON type. The caller checks the
    size against ITEM_BYTES_MAX, because the words differ between operations.
    """
    try:
        return canonical_attributes(raw, 0)
    except ValidationException:
        # A wrong JSON type further on goes before an invalid value.
        check_attribute_map(raw)
        raise


def item_size(item: Item) -> int:
    """Size in bytes of a canonical item by AWS's rules."""
    return attributes_size(item)


def updated_size(old: "StoredItem", item: Item, names: Iterable[str]) -> int:
    """Size of a canonical item that differs from the old one under these names at most."""
    before, size = old.item, old.size
    for name in names:
        value, replaced = item.get(name), before.get(name)
        if value is not replaced:
            size += _attribute_size(name, value) - _attribute_size(name, replaced)
    return size


def _attribute_size(name: str, value: AttributeValue | None) -> int:
    return 0 if value is None else text_size(name) + value_size(value)


def spliced(values: list[bytes]) -> tuple[list[int], list[bytes]]:
    """Sizes and JSON of items as rows hold them, unparsed. Raises StorageError for an unknown format."""
    sizes = []
    for form, size in map(_HEAD.unpack_from, values):
        if form != ITEM_FORMAT[0]:
            raise StorageError(f"stored item has unknown format {form}")
        sizes.append(size)
    return sizes, [value[_SIZE_END:] for value in values]


class StoredItem:
    """An item as rows keep it: a format byte, its size in four bytes (big-endian), and its canonical JSON.

    Each form is made from the other when it is first asked for; none may be changed afterwards.
    """

    __slots__ = ("_item", "_value", "size")

    size: int
    """Size of the item by AWS's rules; not the length of `value`."""

    _value: bytes | None
    _item: Item | None

    def __init__(self, value: bytes) -> None:
        if value[:1] != ITEM_FORMAT:
            raise StorageError(f"stored item has unknown format {value[:1]!r}")
        self._value = value
        self._item = None
        self.size = int.from_bytes(value[1:_SIZE_END], "big")

    @classmethod
    def from_item(cls, item: Item, size: int) -> Self:
        """Of a canonical item and its size."""
        stored = cls.__new__(cls)
        stored._value = None
        stored._item = item
        stored.size = size
        return stored

    @property
    def value(self) -> bytes:
        """The bytes to store."""
        value = self._value
        if value is None:
            value = self._value = ITEM_FORMAT + self.size.to_bytes(4, "big") + orjson.dumps(self._item)
        return value

    @property
    def item(self) -> Item:
        """The canonical item. Not to be changed."""
        item = self._item
        if item is None:
            assert self._value is not None
            item = self._item = orjson.loads(self._value[_SIZE_END:])
        return item

    @property
    def json(self) -> orjson.Fragment:
        """The item's JSON to be spliced into an answer unparsed."""
        value = self._value
        return orjson.Fragment((self.value if value is None else value)[_SIZE_END:])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredItem) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"StoredItem({self.value[_SIZE_END:]!r}, size={self.size})"
