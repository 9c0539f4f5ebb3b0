from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnetodb.errors import SerializationException
from magnetodb.model.json_types import check_attribute_map, check_attribute_value, decode_base64

STRUCTURE = "Start of structure or map found where not expected"
COLLECTION = "Unrecognized collection type "
NOT_BINARY = "only base-64-encoded strings are convertible to bytes"
LAST_CHARACTER = "Invalid last non-pad Base64 character dectected"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("x", "Unexpected value type in payload"),
        (1, "Unexpected value type in payload"),
        ([], COLLECTION + "class com.amazonaws.dynamodb.v20120810.AttributeValue"),
        ({"S": 1}, "NUMBER_VALUE cannot be converted to String"),
        ({"S": 1.5}, "DECIMAL_VALUE cannot be converted to String"),
        ({"N": True}, "TRUE_VALUE cannot be converted to String"),
        ({"N": False}, "FALSE_VALUE cannot be converted to String"),
        ({"S": []}, COLLECTION + "class java.lang.String"),
        ({"S": {}}, STRUCTURE),
        ({"BOOL": "true"}, "Unexpected token received from parser"),
        ({"BOOL": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"NULL": []}, COLLECTION + "class java.lang.Boolean"),
        ({"B": 1}, NOT_BINARY),
        ({"B": []}, COLLECTION + "class java.nio.ByteBuffer"),
        ({"B": {}}, STRUCTURE),
        ({"SS": "x"}, "Unexpected field type"),
        ({"SS": {}}, STRUCTURE),
        ({"SS": [1]}, "NUMBER_VALUE cannot be converted to String"),
        ({"BS": [1]}, NOT_BINARY),
        ({"L": 1}, "Unexpected field type"),
        ({"L": ["x"]}, "Unexpected value type in payload"),
        ({"M": 1}, "Unexpected field type"),
        (
            {"M": []},
            COLLECTION + "java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>",
        ),
        ({"M": {"a": {"L": [{"S": 1}]}}}, "NUMBER_VALUE cannot be converted to String"),
    ],
)
def test_wrong_json_types_are_named(raw: Any, message: str) -> None:
    with pytest.raises(SerializationException) as refused:
        check_attribute_value(raw)

    assert refused.value.message == message


def test_nulls_and_unknown_members_are_ignored() -> None:
    check_attribute_map({"a": None, "b": {"S": None, "X": []}, "c": {"L": [None], "SS": [None], "M": None}})


def test_the_first_wrong_type_in_document_order_is_named() -> None:
    with pytest.raises(SerializationException, match="NUMBER_VALUE"):
        check_attribute_map({"a": {"N": "not a number"}, "b": {"S": 1}, "c": {"S": True}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "Base64 encoded length is expected a multiple of 4 bytes but found: 1"),
        ("23456", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ("0000=", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ("AA$=", "Invalid Base64 character: '$'"),
        ("AA\nA", "Invalid Base64 character: '\n'"),
        ("AA-_", "Invalid Base64 character: '-'"),
        ("éAAA", "Invalid Base64 character: 'é'"),
        ("=+/=", LAST_CHARACTER),
        ("+/+=", LAST_CHARACTER),
        ("AB==", LAST_CHARACTER),
        ("A===", LAST_CHARACTER),
        ("====", LAST_CHARACTER),
        ("AAAA====", LAST_CHARACTER),
        ("AA==AAAA", LAST_CHARACTER),
    ],
)
def test_base64_is_strict(text: str, message: str) -> None:
    with pytest.raises(SerializationException) as refused:
        decode_base64(text)

    assert refused.value.message == message


@given(st.binary())
def test_base64_decodes(data: bytes) -> None:
    assert decode_base64(b64encode(data).decode()) == data


@given(st.text(alphabet="Aw0+/=", max_size=12))
def test_only_the_canonical_base64_of_some_bytes_is_accepted(text: str) -> None:
    try:
        data = decode_base64(text)
    except SerializationException:
        return

    assert b64encode(data).decode() == text
