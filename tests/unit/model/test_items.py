import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnetodb.errors import SerializationException, StorageError, ValidationException
from magnetodb.model.items import StoredItem, canonical_item, item_size, updated_size

ITEM = {"pk": {"S": "é"}, "n": {"N": "12"}, "tags": {"L": [{"S": "a"}]}}
ITEM_BYTES = 2 + 2 + 1 + 2 + 4 + 3 + 1 + 1


def test_a_canonical_item_stays_the_same_object() -> None:
    item, size = canonical_item(ITEM)

    assert item is ITEM
    assert size == ITEM_BYTES
    assert item_size(ITEM) == ITEM_BYTES


def test_only_changed_values_are_replaced() -> None:
    raw = {"a": {"N": "1.0"}, "b": {"L": []}}

    item, _ = canonical_item(raw)

    assert item == {"a": {"N": "1"}, "b": {"L": []}}
    assert item["b"] is raw["b"]
    assert raw["a"] == {"N": "1.0"}


def test_names_have_a_length() -> None:
    with pytest.raises(ValidationException, match="may not be empty"):
        canonical_item({"": {"S": "x"}})
    with pytest.raises(ValidationException, match="Attribute name is too large"):
        canonical_item({"n" * 65_536: {"S": "x"}})


def test_many_long_names_are_fine_one_by_one() -> None:
    names = [f"{number}".rjust(40_000, "n") for number in range(2)]

    _, size = canonical_item({name: {"S": ""} for name in names})

    assert size == 80_000


def test_a_wrong_json_type_goes_before_an_invalid_value() -> None:
    with pytest.raises(SerializationException):
        canonical_item({"a": {"N": "x"}, "b": {"S": 1}})


def test_an_invalid_value_is_refused() -> None:
    with pytest.raises(ValidationException, match="numeric value: x"):
        canonical_item({"a": {"N": "x"}, "b": {"S": "1"}})


values = st.recursive(
    st.text(max_size=3).map(lambda text: {"S": text}) | st.integers(0, 10**9).map(lambda number: {"N": str(number)}),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda members: {"L": members})
        | st.dictionaries(st.text("aé", min_size=1, max_size=2), inner, max_size=3).map(lambda members: {"M": members})
    ),
    max_leaves=5,
)
items = st.dictionaries(st.text("abcé", min_size=1, max_size=3), values, max_size=5)


@given(before=items, changes=items, gone=st.sets(st.text("abcé", min_size=1, max_size=3), max_size=3))
def test_the_size_after_an_update_is_that_of_the_item(before, changes, gone) -> None:
    after = {name: value for name, value in (before | changes).items() if name not in gone}
    old = StoredItem.from_item(before, item_size(before))

    assert item_size(after) == updated_size(old, after, {*changes, *gone})


def test_a_stored_item_reads_back() -> None:
    stored = StoredItem.from_item(ITEM, ITEM_BYTES)

    read = StoredItem(stored.value)

    assert read.item == ITEM
    assert read.size == ITEM_BYTES
    assert read == stored


def test_a_stored_item_has_one_layout() -> None:
    """Written to disk: this test changes only together with the format byte."""
    stored = StoredItem.from_item({"a": {"S": "é"}}, 258)

    assert stored.value == b'\x01\x00\x00\x01\x02{"a":{"S":"\xc3\xa9"}}'


def test_the_json_is_spliced_unparsed() -> None:
    stored = StoredItem(StoredItem.from_item(ITEM, ITEM_BYTES).value)

    answer = orjson.dumps({"Item": stored.json})

    assert orjson.loads(answer) == {"Item": ITEM}


@pytest.mark.parametrize("value", [b"", b"\x02\x00\x00\x00\x00{}"])
def test_unknown_formats_are_refused(value: bytes) -> None:
    with pytest.raises(StorageError, match="unknown format"):
        StoredItem(value)
