"""Attribute values: DynamoDB JSON as orjson parsed it, made canonical and measured in one walk.

In a canonical value numbers are plain decimal text without needless zeros, base64 is strict, and there is exactly one
type member; so two equal scalars are equal dicts, and the text of a value is what storage keeps.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Context, Decimal
from typing import Any, Final, NoReturn

from magnetodb.errors import ValidationException
from magnetodb.model.json_types import check_attribute_value, decode_base64

AttributeValue = dict[str, Any]

NUMBER_DIGITS_MAX: Final = 38
NUMBER_EXPONENT_MAX: Final = 125
NUMBER_EXPONENT_MIN: Final = -130
NESTING_LEVELS_MAX: Final = 32
ATTRIBUTE_NAME_BYTES_MAX: Final = 65_535

DOCUMENT_OVERHEAD_BYTES: Final = 3
"""A list or map costs this much, and 1 byte more per element."""

NUMBER_CONTEXT: Final = Context(prec=NUMBER_DIGITS_MAX, Emin=-100_000, Emax=100_000)
"""Arithmetic on numbers: rounds to 38 digits; the range is checked when the result is made canonical."""

TYPE_NAMES: Final = {
    "S": "String",
    "N": "Number",
    "B": "Binary",
    "SS": "String Set",
    "NS": "Number Set",
    "BS": "Binary Set",
    "BOOL": "Boolean",
    "NULL": "Null",
    "L": "List",
    "M": "Map",
}

SET_TYPES: Final = frozenset(("SS", "NS", "BS"))

INVALID: Final = "One or more parameter values were invalid: "
EMPTY_VALUE: Final = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
AMBIGUOUS_VALUE: Final = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)
NESTED_TOO_DEEPLY: Final = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)

_Measured = tuple[AttributeValue, int]

_SHORT_CANONICAL_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{0,17}[1-9])?").fullmatch
_NUMBER: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?)0*([0-9]{1,10}))?").fullmatch


def canonical_value(raw: Any, depth: int = 0) -> _Measured:
    """The canonical form of a raw attribute value, and its size in bytes by AWS's size rules.

    The value is `raw` itself where nothing had to change. `depth` is the number of lists and maps around it.
    Raises ValidationException, or SerializationException for wrong JSON types.
    """
    if type(raw) is dict and len(raw) == 1:
        (kind,) = raw
        payload = raw[kind]
        canonical = _CANONICAL.get(kind)
        if canonical is not None and payload is not None:
            return canonical(raw, payload, depth)
    return _canonical_irregular(raw, depth)


def value_size(value: AttributeValue) -> int:
    """Size in bytes of a canonical value by AWS's size rules."""
    (kind,) = value
    return _SIZES[kind](value[kind])


def type_of(value: AttributeValue) -> str:
    """The type of a canonical value: "S", "N", ..."""
    (kind,) = value
    return kind


def equal(left: AttributeValue, right: AttributeValue) -> bool:
    """Equality of canonical values: of the same type, sets without order, maps without order."""
    if left == right:
        return True
    (kind,) = left
    mine = left[kind]
    theirs = right.get(kind)
    if theirs is None or kind not in COMPOUND_TYPES or len(mine) != len(theirs):
        return False
    # Only sets differ without being unequal; so most members are compared without a call.
    if kind == "L":
        return all(value == other or equal(value, other) for value, other in zip(mine, theirs, strict=True))
    if kind == "M":
        return mine.keys() == theirs.keys() and all(
            value == theirs[name] or equal(value, theirs[name]) for name, value in mine.items()
        )
    return set(mine) == set(theirs)


def comparable(value: AttributeValue) -> Any:
    """What orders a canonical S, N or B among values of its own type; raises KeyError for other types.

    Python compares str by code points, which is the order of UTF-8 bytes.
    """
    (kind,) = value
    return _COMPARABLE[kind](value[kind])


def number(text: str) -> Decimal:
    """The exact Decimal of a canonical number."""
    return Decimal(text)


def canonical_number(text: str) -> str:
    """The number in plain notation: no exponent, no needless zeros, "0" for zero. Raises ValidationException."""
    if _SHORT_CANONICAL_NUMBER(text) and text != "-0":
        return text
    match = _NUMBER(text)
    if match is None:
        _refuse_number(text)
    sign, whole, fraction, exponent_sign, exponent_text = match.groups()
    digits = whole + (fraction or "")
    if not digits:
        _refuse_number(text)
    exponent = int(exponent_text or 0)
    point = len(whole) + (-exponent if exponent_sign == "-" else exponent)
    significant = digits.lstrip("0")
    point -= len(digits) - len(significant)
    significant = significant.rstrip("0")
    if not significant:
        return "0"
    _check_range(point - 1, len(significant))
    return ("-" if sign == "-" else "") + _plain(significant, point)


def number_size(text: str) -> int:
    """Size in bytes of a canonical number: a byte for two significant digits, one more, and one for a minus."""
    significant = text.strip("-0.")
    digits = len(significant) - 1 if "." in significant else len(significant)
    return (digits + 3) // 2 + (text[0] == "-")


def text_size(text: str) -> int:
    """Size of a string or an attribute name: its UTF-8 bytes."""
    return len(text) if text.isascii() else len(text.encode())


def check_nesting(attributes: dict[str, AttributeValue]) -> None:
    """Raise ValidationException if the canonical values of an item nest too deeply, as values that are each valid may
    do when an update puts one into another."""
    level = [value for value in attributes.values() if "M" in value or "L" in value]
    for _ in range(NESTING_LEVELS_MAX):
        if not level:
            return
        inner = [member for value in level for member in _members(value)]
        level = [value for value in inner if "M" in value or "L" in value]
    if level:
        raise ValidationException(NESTED_TOO_DEEPLY)


def _members(document: AttributeValue) -> Iterable[AttributeValue]:
    members: dict[str, AttributeValue] | None = document.get("M")
    return document["L"] if members is None else members.values()


def check_attribute_name(name: str) -> None:
    """Raise ValidationException unless `name` is 1 to 65,535 bytes long."""
    if not name:
        raise ValidationException(INVALID + "An attribute name may not be empty")
    if text_size(name) > ATTRIBUTE_NAME_BYTES_MAX:
        raise ValidationException(
            INVALID + f"Attribute name is too large, must be less than {ATTRIBUTE_NAME_BYTES_MAX + 1} bytes"
        )


def _check_range(exponent: int, digits: int) -> None:
    if exponent > NUMBER_EXPONENT_MAX:
        raise ValidationException(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if exponent < NUMBER_EXPONENT_MIN:
        raise ValidationException(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    if digits > NUMBER_DIGITS_MAX:
        raise ValidationException("Attempting to store more than 38 significant digits in a Number")


def _plain(significant: str, point: int) -> str:
    """The digits with the decimal point behind the first `point` of them (which may be negative or past the end)."""
    if point <= 0:
        return "0." + "0" * -point + significant
    if point >= len(significant):
        return significant + "0" * (point - len(significant))
    return significant[:point] + "." + significant[point:]


def _refuse_number(text: str) -> NoReturn:
    if not text:
        raise ValidationException("The parameter cannot be converted to a numeric value")
    raise ValidationException(f"The parameter cannot be converted to a numeric value: {text}")


def _canonical_irregular(raw: Any, depth: int) -> _Measured:
    """Not one member of a known type: ignore unknown and null members, and refuse unless one is left."""
    check_attribute_value(raw, depth)
    known = {} if raw is None else {k: payload for k, payload in raw.items() if k in _CANONICAL and payload is not None}
    if not known:
        raise ValidationException(EMPTY_VALUE)
    measured = [_CANONICAL[kind]({kind: payload}, payload, depth) for kind, payload in known.items()]
    if len(measured) > 1:
        raise ValidationException(AMBIGUOUS_VALUE)
    return measured[0]


def _refuse_type(raw: AttributeValue) -> NoReturn:
    """A payload has a wrong JSON type, or is a null in a set: say which."""
    check_attribute_value(raw)
    (kind,) = raw
    raise ValidationException(INVALID + _NULL_MEMBER.get(kind, EMPTY_VALUE))


_NULL_MEMBER: Final = {
    "SS": "An string set may not have a null string as a member",
    "NS": "An number set may not have a null number as a member",
    "BS": "Binary sets may not contain null or empty values",
}


def _canonical_string(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not str:
        _refuse_type(raw)
    return raw, len(payload) if payload.isascii() else len(payload.encode())


def _canonical_number(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not str:
        _refuse_type(raw)
    # Positive integers are most numbers: canonical unless they begin with a zero.
    if payload.isdigit() and payload.isascii() and len(payload) <= NUMBER_DIGITS_MAX and payload[0] != "0":
        return raw, (len(payload.rstrip("0")) + 3) // 2
    text = canonical_number(payload)
    return (raw if text == payload else {"N": text}), number_size(text)


def _canonical_binary(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    return raw, len(decode_base64(payload))


def _canonical_boolean(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not bool:
        _refuse_type(raw)
    return raw, 1


def _canonical_null(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    if payload is not True:
        check_attribute_value(raw)
        raise ValidationException(INVALID + "Null attribute value types must have the value of true")
    return raw, 1


def _canonical_list(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not list:
        _refuse_type(raw)
    if depth >= NESTING_LEVELS_MAX:
        raise ValidationException(NESTED_TOO_DEEPLY)
    size = DOCUMENT_OVERHEAD_BYTES + len(payload)
    changed = False
    values = []
    for member in payload:
        value, member_size = canonical_value(member, depth + 1)
        size += member_size
        changed = changed or value is not member
        values.append(value)
    return ({"L": values} if changed else raw), size


def _canonical_map(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not dict:
        _refuse_type(raw)
    if depth >= NESTING_LEVELS_MAX:
        raise ValidationException(NESTED_TOO_DEEPLY)
    values, size = canonical_attributes(payload, depth + 1)
    return (raw if values is payload else {"M": values}), size + len(values) + DOCUMENT_OVERHEAD_BYTES


def canonical_attributes(raw: dict[str, Any], depth: int) -> tuple[dict[str, AttributeValue], int]:
    """The attributes of an item or of a map: canonical, and the size of their names and values.

    This is the hot path of every write, so the most frequent types are repeated here without a call.
    """
    size = _names_size(raw)
    changes: dict[str, AttributeValue] | None = None
    for name, attribute in raw.items():
        if type(attribute) is dict and len(attribute) == 1:
            (kind,) = attribute
            payload = attribute[kind]
            if kind == "S":
                if type(payload) is str:
                    size += len(payload) if payload.isascii() else len(payload.encode())
                    continue
            elif kind == "BOOL" and type(payload) is bool:
                size += 1
                continue
            canonical = _CANONICAL.get(kind)
            if canonical is not None and payload is not None:
                value, value_bytes = canonical(attribute, payload, depth)
            else:
                value, value_bytes = _canonical_irregular(attribute, depth)
        else:
            value, value_bytes = _canonical_irregular(attribute, depth)
        size += value_bytes
        if value is not attribute:
            changes = changes or {}
            changes[name] = value
    return (raw if changes is None else raw | changes), size


def _names_size(attributes: dict[str, Any]) -> int:
    """Size of all names in UTF-8; raises ValidationException if one is not a valid attribute name."""
    size = text_size("".join(attributes))
    if "" in attributes or size > ATTRIBUTE_NAME_BYTES_MAX:
        for name in attributes:
            check_attribute_name(name)
    return size


def _canonical_string_set(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not list:
        _refuse_type(raw)
    if not payload:
        raise ValidationException(INVALID + "An string set  may not be empty")
    size = 0
    for member in payload:
        if type(member) is not str:
            _refuse_type(raw)
        size += len(member) if member.isascii() else len(member.encode())
    if len(set(payload)) != len(payload):
        raise ValidationException(INVALID + f"Input collection [{', '.join(payload)}] contains duplicates.")
    return raw, size


def _canonical_number_set(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not list:
        _refuse_type(raw)
    if not payload:
        raise ValidationException(INVALID + "An number set  may not be empty")
    numbers = []
    for member in payload:
        if type(member) is not str:
            _refuse_type(raw)
        numbers.append(canonical_number(member))
    if len(set(numbers)) != len(numbers):
        raise ValidationException("Input collection contains duplicates")
    return (raw if numbers == payload else {"NS": numbers}), sum(map(number_size, numbers))


def _canonical_binary_set(raw: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not list:
        _refuse_type(raw)
    if not payload:
        raise ValidationException(INVALID + "Binary sets should not be empty")
    if None in payload:
        _refuse_type(raw)
    size = sum([len(decode_base64(member)) for member in payload])
    if len(set(payload)) != len(payload):
        raise ValidationException(INVALID + f"Input collection [{', '.join(payload)}]of type BS contains duplicates.")
    return raw, size


_CANONICAL: Final[dict[str, Callable[[AttributeValue, Any, int], _Measured]]] = {
    "S": _canonical_string,
    "N": _canonical_number,
    "B": _canonical_binary,
    "BOOL": _canonical_boolean,
    "NULL": _canonical_null,
    "L": _canonical_list,
    "M": _canonical_map,
    "SS": _canonical_string_set,
    "NS": _canonical_number_set,
    "BS": _canonical_binary_set,
}


def binary_size(text: str) -> int:
    """Number of bytes that a canonical base64 text stands for."""
    return len(text) * 3 // 4 - text.count("=", -2)


def _list_size(values: list[AttributeValue]) -> int:
    return DOCUMENT_OVERHEAD_BYTES + len(values) + sum(map(value_size, values))


def _map_size(values: dict[str, AttributeValue]) -> int:
    return DOCUMENT_OVERHEAD_BYTES + len(values) + attributes_size(values)


def attributes_size(attributes: dict[str, AttributeValue]) -> int:
    """Size of the names and values of canonical attributes."""
    size = text_size("".join(attributes))
    for value in attributes.values():
        (kind,) = value
        size += _SIZES[kind](value[kind])
    return size


_SIZES: Final[dict[str, Callable[[Any], int]]] = {
    "S": text_size,
    "N": number_size,
    "B": binary_size,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "L": _list_size,
    "M": _map_size,
    "SS": lambda members: sum(map(text_size, members)),
    "NS": lambda members: sum(map(number_size, members)),
    "BS": lambda members: sum(map(binary_size, members)),
}

COMPOUND_TYPES: Final = frozenset(("L", "M", "SS", "NS", "BS"))
"""Canonical values of other types are equal exactly if they are equal dicts."""

_COMPARABLE: Final[dict[str, Callable[[str], Any]]] = {"S": str, "N": Decimal, "B": decode_base64}
