"""The JSON types inside attribute values, checked as DynamoDB's deserializer does: the first wrong one in document
order is a SerializationException, before anything else of the request is validated.

`attribute_values` meets wrong types too and asks this module for the words, so the pass runs only where something is
wrong already.
"""

import binascii
from typing import Final, NoReturn

from magnetodb.errors import SerializationException

DEPTH_MAX: Final = 40
"""Deeper values are left to the nesting rule, which refuses them."""

STRUCTURE_UNEXPECTED: Final = "Start of structure or map found where not expected"
ATTRIBUTE_VALUE_CLASS: Final = "com.amazonaws.dynamodb.v20120810.AttributeValue"

_BASE64_LAST_BEFORE_ONE_PAD: Final = frozenset("AEIMQUYcgkosw048")
_BASE64_LAST_BEFORE_TWO_PADS: Final = frozenset("AQgw")
_BASE64_ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def check_attribute_map(raw: object, depth: int = 0) -> None:
    """Check an item, a key, or the payload of an M: a JSON object of attribute values, or null."""
    if raw is None or depth > DEPTH_MAX:
        return
    if type(raw) is list:
        raise SerializationException(
            f"Unrecognized collection type java.util.Map<java.lang.String, {ATTRIBUTE_VALUE_CLASS}>"
        )
    if type(raw) is not dict:
        raise SerializationException("Unexpected field type")
    for value in raw.values():
        check_attribute_value(value, depth)


def check_attribute_value(raw: object, depth: int = 0) -> None:
    """Check one attribute value and all inside it. Members of unknown types and null members are ignored."""
    if raw is None:
        return
    if type(raw) is list:
        raise SerializationException(f"Unrecognized collection type class {ATTRIBUTE_VALUE_CLASS}")
    if type(raw) is not dict:
        raise SerializationException("Unexpected value type in payload")
    for kind, payload in raw.items():
        if payload is not None:
            _check_payload(kind, payload, depth)


def check_string(raw: object) -> None:
    """Check a member whose shape is a string."""
    if type(raw) is not str and raw is not None:
        refuse_scalar(raw, "String")


def check_blob(raw: object) -> None:
    """Check a member whose shape is a blob: strict base64."""
    if raw is not None:
        decode_base64(raw)


def check_boolean(raw: object) -> None:
    """Check a member whose shape is a boolean."""
    if type(raw) is str:
        raise SerializationException("Unexpected token received from parser")
    if type(raw) is not bool and raw is not None:
        refuse_scalar(raw, "Boolean")


def decode_base64(text: object) -> bytes:
    """The bytes of strict base64: padded, without line breaks, and with zeros in the bits that pad."""
    try:
        decoded = binascii.a2b_base64(text, strict_mode=True)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        _refuse_base64(text)
    assert type(text) is str
    if len(text) % 4:
        # Python's strict mode overlooks a pad behind a whole group.
        _refuse_base64(text)
    if text[-1:] == "=":
        if text[-2] == "=":
            if text[-3] not in _BASE64_LAST_BEFORE_TWO_PADS:
                _refuse_base64(text)
        elif text[-2] not in _BASE64_LAST_BEFORE_ONE_PAD:
            _refuse_base64(text)
    return decoded


def refuse_scalar(raw: object, class_name: str) -> NoReturn:
    """Say that `raw` is not a java.lang `class_name` (String, Boolean, Integer, Long, Double)."""
    if type(raw) is dict:
        raise SerializationException(STRUCTURE_UNEXPECTED)
    if type(raw) is list:
        raise SerializationException(f"Unrecognized collection type class java.lang.{class_name}")
    raise SerializationException(f"{_token(raw)} cannot be converted to {class_name}")


def _token(raw: object) -> str:
    if raw is True:
        return "TRUE_VALUE"
    if raw is False:
        return "FALSE_VALUE"
    if type(raw) is float:
        return "DECIMAL_VALUE"
    if type(raw) is int:
        return "NUMBER_VALUE"
    return "STRING_VALUE"


def _check_payload(kind: str, payload: object, depth: int) -> None:
    if kind in ("S", "N"):
        check_string(payload)
    elif kind == "B":
        check_blob(payload)
    elif kind in ("BOOL", "NULL"):
        check_boolean(payload)
    elif kind == "M":
        check_attribute_map(payload, depth + 1)
    elif kind in ("L", "SS", "NS", "BS"):
        _check_list(kind, payload, depth)


def _check_list(kind: str, payload: object, depth: int) -> None:
    if type(payload) is dict:
        raise SerializationException(STRUCTURE_UNEXPECTED)
    if type(payload) is not list:
        raise SerializationException("Unexpected field type")
    if depth > DEPTH_MAX:
        return
    for member in payload:
        if kind == "L":
            check_attribute_value(member, depth + 1)
        elif kind == "BS":
            check_blob(member)
        else:
            check_string(member)


def _refuse_base64(text: object) -> NoReturn:
    if type(text) is dict:
        raise SerializationException(STRUCTURE_UNEXPECTED)
    if type(text) is list:
        raise SerializationException("Unrecognized collection type class java.nio.ByteBuffer")
    if type(text) is not str:
        raise SerializationException("only base-64-encoded strings are convertible to bytes")
    if len(text) % 4:
        raise SerializationException(f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}")
    for character in text.rstrip("="):
        if character not in _BASE64_ALPHABET and character != "=":
            raise SerializationException(f"Invalid Base64 character: '{character}'")
    # The typing error is DynamoDB's.
    raise SerializationException("Invalid last non-pad Base64 character dectected")
