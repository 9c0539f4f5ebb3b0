"""Shapes: what a request may hold, declared as literals and compiled at import into one fast yes-or-no walk.

The walk builds nothing. Only when it says no does `shape_errors` walk again to find DynamoDB's words for what is wrong.
JSON null is the same as absent; members that a shape does not declare are ignored.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

Check = Callable[[Any], bool]
"""Says whether a parsed JSON value, which is not None, fits."""

INTEGER_MIN: Final = -(2**31)
INTEGER_MAX: Final = 2**31 - 1
LONG_MIN: Final = -(2**63)
LONG_MAX: Final = 2**63 - 1


class String(NamedTuple):
    """A JSON string. Lengths are of characters, both inclusive; `enum` lists the values in AWS's order."""

    length_min: int | None = None
    length_max: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()


class TableName(NamedTuple):
    """The name of a table, or its ARN. The fast walk accepts plain names only.

    `own_words`: what is absent, too short or too long is said before anything else, and not as a constraint.
    """

    length_min: int = 1
    length_max: int = 1024
    own_words: bool = False


class Blob(NamedTuple):
    """Base64 in a JSON string; what the text holds is checked where it is used."""


class Boolean(NamedTuple):
    """A JSON true or false."""


class Integer(NamedTuple):
    """A JSON number that fits 32 bits; bounds are inclusive."""

    value_min: int | None = None
    value_max: int | None = None


class Long(NamedTuple):
    """A JSON number that fits 64 bits; bounds are inclusive."""

    value_min: int | None = None
    value_max: int | None = None


class List(NamedTuple):
    """A JSON array; null is no member."""

    member: "Shape"
    length_min: int | None = None
    length_max: int | None = None


class Map(NamedTuple):
    """A JSON object with free names; null is no value. Lengths are numbers of members, both inclusive."""

    value: "Shape"
    length_min: int | None = None
    length_max: int | None = None


class Structure(NamedTuple):
    """A JSON object with declared members. `name` is what DynamoDB calls it in messages.

    `deferred`: the fast walk says only that it is an object; the operation walks the rest itself (attribute values are
    checked and made canonical in one walk).
    """

    name: str
    members: "dict[str, Shape]"
    required: tuple[str, ...] = ()
    deferred: bool = False


Shape = String | TableName | Blob | Boolean | Integer | Long | List | Map | Structure

TABLE_NAME_PATTERN: Final = "[a-zA-Z0-9_.-]+"
TABLE_NAME_LENGTH_MIN: Final = 3
TABLE_NAME_LENGTH_MAX: Final = 255


def compiled(shape: Shape) -> Check:
    """The fast walk of a shape."""
    match shape:
        case TableName():
            return pattern_check(f"[a-zA-Z0-9_.-]{{{TABLE_NAME_LENGTH_MIN},{TABLE_NAME_LENGTH_MAX}}}")
        case String():
            return string_check(shape)
        case Blob():
            return lambda value: type(value) is str
        case Boolean():
            return lambda value: value is True or value is False
        case Integer():
            return number_check(shape, INTEGER_MIN, INTEGER_MAX)
        case Long():
            return number_check(shape, LONG_MIN, LONG_MAX)
        case List():
            return list_check(shape)
        case Map():
            return map_check(shape)
        case Structure():
            return structure_check(shape)


def pattern_check(pattern: str) -> Check:
    """A string that a pattern matches whole."""
    matches = re.compile(pattern).fullmatch
    return lambda value: type(value) is str and matches(value) is not None


def string_check(shape: String) -> Check:
    """A string within its lengths, its pattern and its enum."""
    if shape.enum:
        enum = frozenset(shape.enum)
        return lambda value: type(value) is str and value in enum
    if shape.pattern is None and shape.length_min is None and shape.length_max is None:
        return lambda value: type(value) is str
    matches = re.compile(shape.pattern or "(?s:.*)").fullmatch
    low = shape.length_min or 0
    high = INTEGER_MAX if shape.length_max is None else shape.length_max
    return lambda value: type(value) is str and low <= len(value) <= high and matches(value) is not None


def number_check(shape: Integer | Long, type_min: int, type_max: int) -> Check:
    """A whole number within its bounds and those of its type; True and 1.0 are none."""
    low = type_min if shape.value_min is None else shape.value_min
    high = type_max if shape.value_max is None else shape.value_max
    return lambda value: type(value) is int and low <= value <= high


def list_check(shape: List) -> Check:
    """An array within its lengths whose members all fit."""
    member_check = compiled(shape.member)
    low = shape.length_min or 0
    high = INTEGER_MAX if shape.length_max is None else shape.length_max

    def check(value: Any) -> bool:
        if type(value) is not list or not low <= len(value) <= high:
            return False
        return all(member_check(member) for member in value)

    return check


def map_check(shape: Map) -> Check:
    """An object whose values all fit."""
    if type(shape.value) is Structure and shape.value.deferred:
        return map_of_objects
    value_check = compiled(shape.value)
    low = shape.length_min or 0
    high = INTEGER_MAX if shape.length_max is None else shape.length_max

    def check(value: Any) -> bool:
        if type(value) is not dict or not low <= len(value) <= high:
            return False
        return all(value_check(member) for member in value.values())

    return check


def map_of_objects(value: Any) -> bool:
    """The fast walk of an item: an object of objects."""
    if type(value) is not dict:
        return False
    for member in value.values():  # noqa: SIM110  (a generator would double the price of the hottest check)
        if type(member) is not dict:
            return False
    return True


def structure_check(shape: Structure) -> Check:
    """An object whose known members fit and whose required members are there."""
    if shape.deferred:
        return lambda value: type(value) is dict
    check_of = {name: compiled(member) for name, member in shape.members.items()}.get
    required = shape.required

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, member in value.items():
            if member is not None:
                member_check = check_of(name)
                if member_check is not None and not member_check(member):
                    return False
        for name in required:  # noqa: SIM110  (as above)
            if value.get(name) is None:
                return False
        return True

    return check
