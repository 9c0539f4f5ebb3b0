"""The slow walks: they run only when the fast one said no, and find DynamoDB's words for what is wrong.

First every JSON type, in the order of the document, as AWS parses it: the first wrong one is a SerializationException.
Then every constraint, in the order of the shapes: all of them, at most ten, in one ValidationException.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from magnetodb.errors import SerializationException, ValidationException
from magnetodb.model.json_types import (
    STRUCTURE_UNEXPECTED,
    check_attribute_value,
    check_blob,
    check_boolean,
    check_string,
    refuse_scalar,
)
from magnetodb.operations.shapes import (
    INTEGER_MAX,
    INTEGER_MIN,
    LONG_MAX,
    LONG_MIN,
    TABLE_NAME_LENGTH_MAX,
    TABLE_NAME_LENGTH_MIN,
    TABLE_NAME_PATTERN,
    Blob,
    Boolean,
    Integer,
    List,
    Long,
    Map,
    Shape,
    String,
    Structure,
    TableName,
)

VIOLATIONS_MAX: Final = 10
RENDERED_LENGTH_MAX: Final = 4096
ARN_PREFIX: Final = "arn:"


def explain(shape: Structure, request: Any) -> None:
    """Raise what is wrong with a request: SerializationException, else ValidationException. Returns if nothing is."""
    explain_types(shape, request)
    explain_table_to_manage(shape, request)
    violations = []
    for violation in constraint_violations(shape, request, ""):
        violations.append(violation)
        if len(violations) == VIOLATIONS_MAX:
            break
    if violations:
        raise ValidationException(counted(violations))
    explain_table_name(shape, request)


def counted(violations: list[str]) -> str:
    """The one message of several violations."""
    errors = "error" if len(violations) == 1 else "errors"
    return f"{len(violations)} validation {errors} detected: {'; '.join(violations)}"


def explain_table_to_manage(shape: Structure, request: dict[str, Any]) -> None:
    """Raise what operations on tables say of TableName before anything else."""
    name_shape = shape.members.get("TableName")
    if type(name_shape) is not TableName or not name_shape.own_words:
        return
    name = request.get("TableName")
    if name is None:
        raise ValidationException("The parameter 'TableName' is required but was not present in the request")
    if not name.startswith(ARN_PREFIX):
        explain_table_name_length(name)


def explain_table_name(shape: Structure, request: dict[str, Any]) -> None:
    """Raise if TableName is neither a table's name nor something that may be an ARN."""
    name = request.get("TableName")
    if name is None or type(shape.members.get("TableName")) is not TableName or name.startswith(ARN_PREFIX):
        return
    if not re.fullmatch(TABLE_NAME_PATTERN, name):
        raise ValidationException(
            counted(
                [violation(name, "tableName", f"Member must satisfy regular expression pattern: {TABLE_NAME_PATTERN}")]
            )
        )
    explain_table_name_length(name)


def explain_table_name_length(name: str) -> None:
    """Raise if the name is too short or too long."""
    if not TABLE_NAME_LENGTH_MIN <= len(name) <= TABLE_NAME_LENGTH_MAX:
        raise ValidationException(
            f"TableName must be at least {TABLE_NAME_LENGTH_MIN} characters long"
            f" and at most {TABLE_NAME_LENGTH_MAX} characters long"
        )


# ---- JSON types


def explain_types(shape: Shape, value: Any) -> None:
    """Raise SerializationException for the first JSON value, in the order of the document, of another type than its
    shape."""
    if value is None:
        return
    match shape:
        case String() | TableName():
            check_string(value)
        case Blob():
            check_blob(value)
        case Boolean():
            check_boolean(value)
        case Integer():
            explain_number(value, "Integer", INTEGER_MIN, INTEGER_MAX)
        case Long():
            explain_number(value, "Long", LONG_MIN, LONG_MAX)
        case List():
            if type(value) is not list:
                raise SerializationException(STRUCTURE_UNEXPECTED if type(value) is dict else "Unexpected field type")
            for member in value:
                explain_types(shape.member, member)
        case Map():
            explain_object(shape, value)
            for member in value.values():
                explain_types(shape.value, member)
        case Structure(deferred=True):
            check_attribute_value(value)
        case Structure():
            explain_object(shape, value)
            for name, member in value.items():
                if name in shape.members:
                    explain_types(shape.members[name], member)


def explain_object(shape: Map | Structure, value: Any) -> None:
    """Raise if the value is no JSON object."""
    if type(value) is dict:
        return
    if type(value) is list:
        raise SerializationException(f"Unrecognized collection type {java_type(shape)}")
    raise SerializationException("Unexpected field type" if type(shape) is Map else "Unexpected value type in payload")


def explain_number(value: Any, type_name: str, type_min: int, type_max: int) -> None:
    """Raise if the value is no whole number of its type."""
    if type(value) is not int:
        refuse_scalar(value, type_name)
    if not type_min <= value <= type_max:
        raise SerializationException(f"NUMBER_VALUE cannot be converted to {type_name}")


def java_type(shape: Shape) -> str:
    """The type that AWS's messages name where a list was found instead of it."""
    match shape:
        case Structure():
            return f"class com.amazonaws.dynamodb.v20120810.{shape.name}"
        case Map():
            return f"java.util.Map<java.lang.String, {java_type(shape.value).removeprefix('class ')}>"
        case _:
            return f"class java.lang.{type(shape).__name__}"


# ---- constraints


def constraint_violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """What of the value, whose JSON types are right, breaks a constraint; `path` is "" for the request itself."""
    match shape:
        case String() | TableName():
            yield from string_violations(shape, value, path)
        case Integer() | Long():
            if shape.value_min is not None and value < shape.value_min:
                yield violation(value, path, f"Member must have value greater than or equal to {shape.value_min}")
            if shape.value_max is not None and value > shape.value_max:
                yield violation(value, path, f"Member must have value less than or equal to {shape.value_max}")
        case List():
            yield from length_violations(shape, value, path)
            yield from list_member_violations(shape, value, path)
        case Map():
            yield from length_violations(shape, value, path)
            if type(shape.value) is List and not all(fits_lengths(shape.value, member) for member in value.values()):
                yield violation(value, path, f"Map value must satisfy constraint: {lengths_words(shape.value)}", shape)
            for name, member in value.items():
                if type(shape.value) is List:
                    yield from list_member_violations(shape.value, member, f"{path}.{name}.member")
                else:
                    yield from member_violations(shape.value, member, f"{path}.{name}.member", required=True)
        case Structure(deferred=False):
            prefix = f"{path}." if path else ""
            for name, member_shape in shape.members.items():
                member_path = prefix + name[0].lower() + name[1:]
                required = name in shape.required
                yield from member_violations(member_shape, value.get(name), member_path, required=required)


def list_member_violations(shape: List, value: list[Any] | None, path: str) -> Iterator[str]:
    """The same of the members of a list, or of null in its place."""
    if value is None:
        yield from member_violations(shape, value, path, required=True)
        return
    for number, member in enumerate(value, 1):
        yield from member_violations(shape.member, member, f"{path}.{number}.member", required=True)


def fits_lengths(shape: List, value: list[Any] | None) -> bool:
    """The list, if it is one, is neither too short nor too long."""
    return value is None or next(length_violations(shape, value, ""), None) is None


def lengths_words(shape: List) -> str:
    """The bounds of lists in a map, as AWS lists them."""
    return (
        f"[Member must have length less than or equal to {shape.length_max},"
        f" Member must have length greater than or equal to {shape.length_min}]"
    )


def member_violations(shape: Shape, value: Any, path: str, *, required: bool) -> Iterator[str]:
    """The same of a value that may be absent."""
    if value is not None:
        yield from constraint_violations(shape, value, path)
    elif required:
        yield f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def string_violations(shape: String | TableName, value: str, path: str) -> Iterator[str]:
    """Enum, pattern, lengths, in AWS's order."""
    if type(shape) is String:
        if shape.enum and value not in shape.enum:
            yield violation(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
        if shape.pattern is not None and not re.fullmatch(shape.pattern, value):
            yield violation(value, path, f"Member must satisfy regular expression pattern: {shape.pattern}")
    yield from length_violations(shape, value, path)


def length_violations(
    shape: String | TableName | List | Map, value: str | list[Any] | dict[str, Any], path: str
) -> Iterator[str]:
    """Too short, too long."""
    if shape.length_min is not None and len(value) < shape.length_min:
        yield violation(value, path, f"Member must have length greater than or equal to {shape.length_min}", shape)
    if shape.length_max is not None and len(value) > shape.length_max:
        yield violation(value, path, f"Member must have length less than or equal to {shape.length_max}", shape)


def violation(value: Any, path: str, constraint: str, shape: Shape | None = None) -> str:
    """One sentence of the message."""
    return f"Value '{rendered(shape, value)}' at '{path}' failed to satisfy constraint: {constraint}"


def rendered(shape: Shape | None, value: Any) -> str:
    """A value as AWS prints it: strings bare, lists and maps as Java does, structures as Name(member=value, ...). Of
    lists, maps and structures no more than RENDERED_LENGTH_MAX characters, and "..."."""
    text = ""
    for piece in rendered_pieces(shape, value):
        text += piece
        if len(text) > RENDERED_LENGTH_MAX and type(value) in (list, dict):
            return text[:RENDERED_LENGTH_MAX] + "..."
    return text


def rendered_pieces(shape: Shape | None, value: Any) -> Iterator[str]:
    """The same piece by piece, so that no more of a large request is printed than is shown."""
    if value is None:
        yield "null"
        return
    match shape:
        case List():
            yield "["
            for number, member in enumerate(value):
                yield ", " if number else ""
                yield from rendered_pieces(shape.member, member)
            yield "]"
        case Map():
            yield "{"
            for number, (name, member) in enumerate(value.items()):
                yield f"{', ' if number else ''}{name}="
                yield from rendered_pieces(shape.value, member)
            yield "}"
        case Structure():
            yield f"{shape.name}("
            for number, (name, member_shape) in enumerate(shape.members.items()):
                yield f"{', ' if number else ''}{name[0].lower()}{name[1:]}="
                yield from rendered_pieces(member_shape, value.get(name))
            yield ")"
        case _:
            yield str(value).lower() if type(value) is bool else str(value)
