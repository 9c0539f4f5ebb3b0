import pytest

from magnetodb.errors import ValidationException
from magnetodb.model.attribute_values import AttributeValue
from magnetodb.model.keys import TableKeys
from magnetodb.model.table import Index, KeySchema, Table

INVALID = "One or more parameter values were invalid: "
NOT_VALID = "One or more parameter values are not valid. "
EMPTY_STRING = "The AttributeValue for a key attribute cannot contain an empty string value."
EMPTY_BINARY = "The AttributeValue for a key attribute cannot contain an empty binary value."

KEYS = TableKeys(
    Table(
        project="p",
        name="t",
        id="id",
        rows_id="rows",
        key=KeySchema(("pk",), ("sk",)),
        attribute_types={"pk": "S", "sk": "B", "g": "S", "h": "N"},
        indexes={"by_g": Index("by_g", "GSI", KeySchema(("g",), ("h",)), "ALL", (), "rows2")},
        created=0.0,
    )
)
KEY: dict[str, AttributeValue] = {"pk": {"S": "a"}, "sk": {"B": "AA=="}}
SORT_1025_BYTES = "A" * 1364 + "AAA="


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pk": None}, INVALID + "Missing the key pk in the item"),
        ({"sk": None}, INVALID + "Missing the key sk in the item"),
        ({"pk": {"N": "1"}}, INVALID + "Type mismatch for key pk expected: S actual: N"),
        ({"sk": {"M": {}}}, INVALID + "Type mismatch for key sk expected: B actual: M"),
        ({"pk": {"S": ""}}, f"{NOT_VALID}{EMPTY_STRING} Key: pk"),
        ({"sk": {"B": ""}}, f"{NOT_VALID}{EMPTY_BINARY} Key: sk"),
        (
            {"pk": {"S": "é" * 1025}},
            INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
        (
            {"sk": {"B": SORT_1025_BYTES}},
            INVALID + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ),
        ({"g": {"N": "1"}}, INVALID + "Type mismatch for Index Key g Expected: S Actual: N IndexName: by_g"),
        (
            {"g": {"S": ""}},
            f"{NOT_VALID}A value specified for a secondary index key is not supported. {EMPTY_STRING} "
            "IndexName: by_g, IndexKey: g",
        ),
        (
            {"g": {"S": "x" * 2049}},
            INVALID + "Size limit exceeded for Index Key g Actual Size: 2049 bytes Max Size: 2048 bytes "
            "IndexName: by_g",
        ),
    ],
)
def test_an_item_with_a_key_that_is_not_valid_is_refused(
    changes: dict[str, AttributeValue | None], message: str
) -> None:
    item = {name: value for name, value in (KEY | changes).items() if value is not None}

    with pytest.raises(ValidationException) as refused:
        KEYS.row_key(item)

    assert refused.value.message == message


def test_the_longest_keys_are_accepted() -> None:
    assert KEYS.row_key({"pk": {"S": "é" * 1024}, "sk": {"B": "A" * 1364 + "AA=="}, "g": {"S": "x" * 2048}})


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ({"pk": {"S": ""}}, f"{NOT_VALID}{EMPTY_STRING} Key: pk"),
        ({"pk": {"S": "x" * 2049}}, INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
    ],
)
def test_a_requested_key_that_no_item_can_have_is_refused(key: dict[str, AttributeValue], message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        KEYS.requested_key(KEY | key)

    assert refused.value.message == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"N": "1"}, "The update expression attempted to update the secondary index key to unsupported type"),
        (
            {"S": ""},
            "The update expression attempted to update the secondary index key to a value that is not supported. "
            + EMPTY_STRING,
        ),
    ],
)
def test_an_update_to_an_index_key_that_is_not_valid_is_refused(value: AttributeValue, message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        KEYS.check_index_keys(KEY | {"g": value}, KEY)

    assert refused.value.message == message


def test_an_update_may_leave_an_index_key_as_it_was() -> None:
    """The item may be older than the index."""
    old: dict[str, AttributeValue] = KEY | {"g": {"N": "1"}}

    KEYS.check_index_keys(old | {"x": {"S": "y"}}, old)


def test_index_keys_may_be_absent() -> None:
    KEYS.check_index_keys(KEY, None)

    assert KEYS.row_key(KEY)
