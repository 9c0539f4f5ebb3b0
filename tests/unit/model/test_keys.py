from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnetodb.errors import SerializationException, ValidationException
from magnetodb.model.attribute_values import AttributeValue, comparable
from magnetodb.model.keys import KeyCodec, TableKeys
from magnetodb.model.rows import RowKey, SortRange
from magnetodb.model.table import Index, KeySchema, Table

TYPES = {"pk": "S", "sk": "N", "local": "S", "g1": "S", "g2": "B", "g3": "N", "g4": "S"}

LOCAL = Index("local", "LSI", KeySchema(("pk",), ("local",)), "ALL", (), "local_rows")
GLOBAL = Index("global", "GSI", KeySchema(("g1", "g2"), ("g3", "g4")), "KEYS_ONLY", (), "global_rows")
PARTITION_ONLY = Index("partition_only", "GSI", KeySchema(("g1",)), "INCLUDE", ("x",), "partition_only_rows")

ITEM: dict[str, AttributeValue] = {
    "pk": {"S": "a"},
    "sk": {"N": "-1.5"},
    "local": {"S": "l\x00"},
    "g1": {"S": "g\x00"},
    "g2": {"B": "AP8="},
    "g3": {"N": "7"},
    "g4": {"S": "h"},
}


def table(*indexes: Index, sort: str | None = "sk", types: dict[str, Any] = TYPES) -> Table:
    key = KeySchema(("pk",), (sort,) if sort else ())
    return Table("p", "t", "id", "rows", key, types, {index.name: index for index in indexes}, 0.0)


def test_a_row_of_the_table_is_its_raw_key() -> None:
    assert TableKeys(table()).row_key(ITEM) == RowKey("rows", b"a", b"\x01\xbd\xfd\xcc\xff")
    assert TableKeys(table(sort=None)).row_key(ITEM) == RowKey("rows", b"a", b"")
    assert TableKeys(table(sort="g1")).row_key(ITEM) == RowKey("rows", b"a", b"g\x00")


def test_a_local_index_row_is_in_the_partition_of_the_item() -> None:
    """Written to disk, as the layouts of the next tests are."""
    key = TableKeys(table(LOCAL)).indexes["local"].row_key(ITEM)

    assert key == RowKey("local_rows", b"a", b"l\x00\xff\x00\x01\x01\xbd\xfd\xcc\xff")


def test_a_global_index_row_ends_with_the_key_of_the_item() -> None:
    key = TableKeys(table(GLOBAL)).indexes["global"].row_key(ITEM)

    assert key == RowKey(
        "global_rows",
        b"g\x00\xff\x00\x01\x00\xff",
        b"\x03\x42\x08\x00\x01h\x00\x01a\x00\x01\x01\xbd\xfd\xcc\xff",
    )


def test_a_global_index_without_sort_attributes_is_sorted_by_the_key_of_the_item() -> None:
    assert TableKeys(table(PARTITION_ONLY, sort=None)).indexes["partition_only"].row_key(ITEM) == RowKey(
        "partition_only_rows", b"g\x00", b"a"
    )


@pytest.mark.parametrize("sort", ["sk", None])
@pytest.mark.parametrize("index", [GLOBAL, PARTITION_ONLY])
def test_an_index_row_leads_back_to_the_item(index: Index, sort: str | None) -> None:
    keys = TableKeys(table(index, sort=sort))
    codec = keys.indexes[index.name]

    key = codec.row_key(ITEM)

    assert key is not None
    assert codec.table_key(key) == keys.row_key(ITEM)
    assert codec.key_attributes(key) == {name: ITEM[name] for name in codec.names}
    assert list(codec.key_attributes(key)) == list(keys.table.key.names) + list(index.key.names)


def test_a_local_index_row_leads_back_to_the_item() -> None:
    keys = TableKeys(table(LOCAL))
    codec = keys.indexes["local"]

    key = codec.row_key(ITEM)

    assert key is not None
    assert codec.table_key(key) == keys.row_key(ITEM)
    assert codec.key_attributes(key) == codec.key_item(ITEM) == {name: ITEM[name] for name in ("pk", "sk", "local")}


def test_a_table_row_gives_its_key_attributes() -> None:
    codec = TableKeys(table()).base
    key = codec.row_key(ITEM)

    assert key is not None
    assert codec.table_key(key) is key
    assert codec.key_attributes(key) == {"pk": {"S": "a"}, "sk": {"N": "-1.5"}}


@pytest.mark.parametrize("absent", ["g1", "g2", "g3", "g4"])
def test_an_item_without_an_index_key_attribute_has_no_row_in_the_index(absent: str) -> None:
    codec = TableKeys(table(GLOBAL)).indexes["global"]

    assert codec.row_key({name: value for name, value in ITEM.items() if name != absent}) is None


@pytest.mark.parametrize("value", [{"N": "1"}, {"S": ""}, {"S": "x" * 2049}, {"M": {}}])
def test_an_item_with_an_index_key_that_is_not_valid_has_no_row_in_the_index(value: AttributeValue) -> None:
    """Such items are older than the index."""
    codec = TableKeys(table(GLOBAL)).indexes["global"]

    assert codec.row_key(ITEM | {"g1": value}) is None


def test_an_attribute_may_be_a_key_of_the_table_and_of_an_index() -> None:
    inverted = Index("inverted", "GSI", KeySchema(("sk",), ("pk",)), "ALL", (), "inverted_rows")
    keys = TableKeys(table(inverted))
    codec = keys.indexes["inverted"]

    key = codec.row_key(ITEM)

    assert key is not None
    assert codec.names == ("pk", "sk")
    assert codec.key_attributes(key) == {"pk": {"S": "a"}, "sk": {"N": "-1.5"}}
    assert codec.table_key(key) == keys.row_key(ITEM)


def test_an_index_that_is_being_deleted_is_not_maintained() -> None:
    deleting = Index("global", "GSI", KeySchema(("g1",)), "ALL", (), "rows2", status="DELETING")
    keys = TableKeys(table(deleting, LOCAL))

    assert [codec.rows_id for codec in keys.maintained] == ["local_rows"]
    assert keys.row_key(ITEM | {"g1": {"N": "1"}})


def test_the_key_of_a_request_names_a_row() -> None:
    keys = TableKeys(table())

    assert keys.requested_key({"sk": {"N": "-1.50"}, "pk": {"S": "a"}}) == keys.row_key(ITEM)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"pk": {"S": "a"}},
        {"pk": {"S": "a"}, "x": {"N": "1"}},
        {"pk": {"S": "a"}, "sk": {"N": "1"}, "x": {"N": "1"}},
        {"pk": {"S": "a"}, "sk": {"S": "1"}},
        {"pk": {"M": {}}, "sk": {"N": "1"}},
    ],
)
def test_a_key_must_match_the_schema(raw: dict[str, Any]) -> None:
    with pytest.raises(ValidationException) as refused:
        TableKeys(table()).requested_key(raw)

    assert refused.value.message == "The provided key element does not match the schema"


def test_a_key_with_wrong_json_types_is_refused() -> None:
    with pytest.raises(SerializationException):
        TableKeys(table()).requested_key({"pk": {"S": "a"}, "sk": {"N": 1}})


def test_a_start_key_may_name_a_row_that_is_not_there() -> None:
    keys = TableKeys(table(GLOBAL))
    raw = {"pk": {"S": "zz"}, "sk": {"N": "1.0"}, **{name: ITEM[name] for name in GLOBAL.key.names}}

    key = keys.indexes["global"].start_key(raw)

    assert keys.indexes["global"].key_attributes(key) == raw | {"sk": {"N": "1"}}


@pytest.mark.parametrize(
    ("index", "raw"),
    [
        (None, {"pk": {"S": "a"}}),
        (None, {"pk": {"S": "a"}, "sk": {"S": "a"}}),
        ("global", {"pk": {"S": "a"}, "sk": {"N": "1"}}),
        ("global", ITEM),
    ],
)
def test_a_start_key_must_match_the_schema(index: str | None, raw: dict[str, Any]) -> None:
    keys = TableKeys(table(GLOBAL, LOCAL))
    codec = keys.indexes[index] if index else keys.base

    with pytest.raises(ValidationException) as refused:
        codec.start_key(raw)

    assert refused.value.message == "The provided starting key is invalid"


def test_a_partition_is_named_by_its_attributes() -> None:
    keys = TableKeys(table(GLOBAL))

    assert keys.base.partition({"pk": {"S": "a"}}) == b"a"
    assert keys.indexes["global"].partition({"g1": ITEM["g1"], "g2": ITEM["g2"]}) == b"g\x00\xff\x00\x01\x00\xff"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"N": "1"},
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
        (
            {"S": ""},
            "One or more parameter values are not valid. "
            "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk",
        ),
        (
            {"S": "é" * 1025},
            "One or more parameter values were invalid: "
            "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
    ],
)
def test_a_condition_value_must_be_one_that_a_key_can_have(value: AttributeValue, message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        TableKeys(table()).base.partition({"pk": value})

    assert refused.value.message == message


def test_no_condition_is_the_whole_partition() -> None:
    assert TableKeys(table(sort=None)).base.sort_range([]) == SortRange()
    assert TableKeys(table()).base.sort_range([]) == SortRange()
    assert TableKeys(table(GLOBAL)).indexes["global"].sort_range([]) == SortRange()


TEXTS = st.text(alphabet="\x00\x01ab\x7f\u0080\uffff\U0010ffff", min_size=1, max_size=3)
SMALL_NUMBERS = st.integers(-20, 20).map(str)
OPERATORS = ["<", "<=", ">", ">=", "BETWEEN", "begins_with", "=", None]


def string_keys(index: Index | None) -> KeyCodec:
    types = {"pk": "S", "sk": "S", "g1": "S", "g2": "S", "g3": "N", "g4": "S", "local": "S"}
    keys = TableKeys(table(*([index] if index else []), types=types))
    return keys.indexes[index.name] if index else keys.base


@given(st.sampled_from([None, LOCAL]), st.sampled_from(OPERATORS), TEXTS, TEXTS, TEXTS, TEXTS)
def test_a_range_of_one_sort_attribute_has_the_keys_that_satisfy_it(
    index: Index | None, operator: str | None, stored: str, table_sort: str, operand: str, upper: str
) -> None:
    codec = string_keys(index)
    item = {"pk": {"S": "a"}, "sk": {"S": stored if index is None else table_sort}, "local": {"S": stored}}

    found = within(codec.sort_of(item), condition_range(codec, [], operator, {"S": operand}, {"S": upper}))

    assert found == satisfies({"S": stored}, operator, {"S": operand}, {"S": upper})


@given(st.sampled_from(OPERATORS), SMALL_NUMBERS, TEXTS, TEXTS, SMALL_NUMBERS, TEXTS, TEXTS)
def test_a_range_of_several_sort_attributes_has_the_keys_that_satisfy_it(
    operator: str | None, first: str, second: str, table_sort: str, equal: str, operand: str, upper: str
) -> None:
    codec = string_keys(GLOBAL)
    item = {"pk": {"S": "a"}, "sk": {"S": table_sort}, "g3": {"N": first}, "g4": {"S": second}}

    bounds = condition_range(codec, [{"N": equal}], operator, {"S": operand}, {"S": upper})

    assert within(codec.sort_of(item), bounds) == (
        first == equal and satisfies({"S": second}, operator, {"S": operand}, {"S": upper})
    )


@given(st.sampled_from([each for each in OPERATORS if each != "begins_with"]), *[SMALL_NUMBERS] * 3)
def test_a_range_of_numbers_has_the_keys_that_satisfy_it(
    operator: str | None, stored: str, operand: str, upper: str
) -> None:
    codec = TableKeys(table()).base
    item = {"pk": {"S": "a"}, "sk": {"N": stored}}

    found = within(codec.sort_of(item), condition_range(codec, [], operator, {"N": operand}, {"N": upper}))

    assert found == satisfies({"N": stored}, operator, {"N": operand}, {"N": upper})


def condition_range(
    codec: KeyCodec, equal: list[AttributeValue], operator: str | None, operand: AttributeValue, upper: AttributeValue
) -> SortRange:
    if operator == "=":
        return codec.sort_range([*equal, operand])
    operands = [] if operator is None else [operand, upper] if operator == "BETWEEN" else [operand]
    return codec.sort_range(equal, operator, operands)


def satisfies(stored: AttributeValue, operator: str | None, operand: AttributeValue, upper: AttributeValue) -> bool:
    left, right = comparable(stored), comparable(operand)
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "=": left == right,
        "BETWEEN": right <= left <= comparable(upper),
        "begins_with": str(left).startswith(str(right)),
        None: True,
    }[operator]


def within(sort: bytes | None, bounds: SortRange) -> bool:
    assert sort is not None
    return bounds.start <= sort and (bounds.end is None or sort < bounds.end)
