"""Why a key is refused, in AWS's words. Only reached when something is wrong, except for the check of index keys."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, NoReturn

from magnetodb.errors import ValidationException
from magnetodb.model.attribute_values import AttributeValue, binary_size, text_size, type_of
from magnetodb.model.table import AttributeType

PARTITION_KEY_BYTES_MAX: Final = 2048
SORT_KEY_BYTES_MAX: Final = 1024

INVALID: Final = "One or more parameter values were invalid: "
NOT_VALID: Final = "One or more parameter values are not valid. "
KEY_MISMATCH: Final = "The provided key element does not match the schema"
UPDATES_INDEX_KEY_TYPE: Final = "The update expression attempted to update the secondary index key to unsupported type"
UPDATES_INDEX_KEY_VALUE: Final = (
    "The update expression attempted to update the secondary index key to a value that is not supported. "
)


class KeyAttribute(NamedTuple):
    """An attribute of a key: its bytes are limited by the role it has."""

    name: str
    type: AttributeType
    bytes_max: int


class IndexKeyAttribute(NamedTuple):
    """A key attribute of an index; `characters_safe` of them can't exceed `bytes_max`."""

    name: str
    type: AttributeType
    bytes_max: int
    characters_safe: int
    index_name: str


def refuse_item_key(attributes: Iterable[KeyAttribute], item: Mapping[str, AttributeValue]) -> NoReturn:
    """Say why an item of PutItem has no valid table key."""
    for attribute in attributes:
        value = item.get(attribute.name)
        if value is None:
            raise ValidationException(INVALID + f"Missing the key {attribute.name} in the item")
        if attribute.type not in value:
            raise ValidationException(
                INVALID + f"Type mismatch for key {attribute.name} expected: {attribute.type} actual: {type_of(value)}"
            )
    _refuse_key_values(attributes, item)


def refuse_requested_key(attributes: Iterable[KeyAttribute], key: Mapping[str, AttributeValue]) -> NoReturn:
    """Say why the Key of GetItem and its like is not a key of the table."""
    names = {attribute.name for attribute in attributes}
    if key.keys() != names or any(attribute.type not in key[attribute.name] for attribute in attributes):
        raise ValidationException(KEY_MISMATCH)
    _refuse_key_values(attributes, key)


def check_condition_value(attribute: KeyAttribute, value: AttributeValue) -> None:
    """Check a value that a key condition compares with a key attribute."""
    payload = value.get(attribute.type)
    if payload is None:
        raise ValidationException(INVALID + "Condition parameter type does not match schema type")
    _check_key_value(attribute, payload)


def check_index_keys(
    attributes: Iterable[IndexKeyAttribute],
    item: Mapping[str, AttributeValue],
    old: Mapping[str, AttributeValue] | None,
    updating: bool,
) -> None:
    """Check the attributes of an item that are keys of indexes; absent ones are fine, and so are those of `old`."""
    for attribute in attributes:
        value = item.get(attribute.name)
        if value is None:
            continue
        payload = value.get(attribute.type)
        if payload and len(payload) <= attribute.characters_safe:
            continue
        if old is None or old.get(attribute.name) != value:
            _check_index_key_value(attribute, value, payload, updating)


def _check_index_key_value(attribute: IndexKeyAttribute, value: AttributeValue, payload: Any, updating: bool) -> None:
    if payload is None:
        if updating:
            raise ValidationException(UPDATES_INDEX_KEY_TYPE)
        raise ValidationException(
            INVALID + f"Type mismatch for Index Key {attribute.name} Expected: {attribute.type} "
            f"Actual: {type_of(value)} IndexName: {attribute.index_name}"
        )
    if not payload:
        if updating:
            raise ValidationException(UPDATES_INDEX_KEY_VALUE + _empty(attribute.type))
        raise ValidationException(
            NOT_VALID
            + "A value specified for a secondary index key is not supported. "
            + f"{_empty(attribute.type)} IndexName: {attribute.index_name}, IndexKey: {attribute.name}"
        )
    size = _size(attribute.type, payload)
    if size > attribute.bytes_max:
        raise ValidationException(
            INVALID + f"Size limit exceeded for Index Key {attribute.name} Actual Size: {size} bytes "
            f"Max Size: {attribute.bytes_max} bytes IndexName: {attribute.index_name}"
        )


def _refuse_key_values(attributes: Iterable[KeyAttribute], item: Mapping[str, AttributeValue]) -> NoReturn:
    for attribute in attributes:
        _check_key_value(attribute, item[attribute.name][attribute.type])
    raise AssertionError("a valid key was refused")


def _check_key_value(attribute: KeyAttribute, payload: str) -> None:
    if not payload:
        raise ValidationException(NOT_VALID + f"{_empty(attribute.type)} Key: {attribute.name}")
    if _size(attribute.type, payload) <= attribute.bytes_max:
        return
    if attribute.bytes_max == PARTITION_KEY_BYTES_MAX:
        # AWS writes no space before the number.
        raise ValidationException(
            INVALID + f"Size of hashkey has exceeded the maximum size limit of{PARTITION_KEY_BYTES_MAX} bytes"
        )
    raise ValidationException(
        INVALID + f"Aggregated size of all range keys has exceeded the size limit of {SORT_KEY_BYTES_MAX} bytes"
    )


def _size(attribute_type: AttributeType, payload: str) -> int:
    """Of a payload as key limits count it; numbers have none that they could exceed."""
    if attribute_type == "N":
        return 0
    return text_size(payload) if attribute_type == "S" else binary_size(payload)


def _empty(attribute_type: str) -> str:
    kind = "string" if attribute_type == "S" else "binary"
    return f"The AttributeValue for a key attribute cannot contain an empty {kind} value."
