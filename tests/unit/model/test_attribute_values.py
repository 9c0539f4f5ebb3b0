from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnetodb.errors import SerializationException, ServiceError, ValidationException
from magnetodb.model.attribute_values import (
    AMBIGUOUS_VALUE,
    EMPTY_VALUE,
    NESTED_TOO_DEEPLY,
    NESTING_LEVELS_MAX,
    NUMBER_CONTEXT,
    binary_size,
    canonical_number,
    canonical_value,
    check_attribute_name,
    check_nesting,
    comparable,
    equal,
    number,
    number_size,
    type_of,
    value_size,
)

OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
TOO_MANY_DIGITS = "Attempting to store more than 38 significant digits in a Number"
INVALID = "One or more parameter values were invalid: "


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.000", "0"),
        ("0E400", "0"),
        ("007", "7"),
        ("+7", "7"),
        ("-7", "-7"),
        ("7.", "7"),
        (".5", "0.5"),
        ("1.50", "1.5"),
        ("-0.5", "-0.5"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("12.5e-3", "0.0125"),
        ("1E-130", "0." + "0" * 129 + "1"),
        ("9.9999999999999999999999999999999999999E+125", "9" * 38 + "0" * 88),
        ("1" + "0" * 60, "1" + "0" * 60),
        ("1e000000000000000000000000002", "100"),
    ],
)
def test_numbers_become_plain(text: str, canonical: str) -> None:
    assert canonical_number(text) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The parameter cannot be converted to a numeric value"),
        ("x", "The parameter cannot be converted to a numeric value: x"),
        (" 1", "The parameter cannot be converted to a numeric value:  1"),
        ("1\n", "The parameter cannot be converted to a numeric value: 1\n"),
        ("1_0", "The parameter cannot be converted to a numeric value: 1_0"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
        ("Infinity", "The parameter cannot be converted to a numeric value: Infinity"),
        (".", "The parameter cannot be converted to a numeric value: ."),
        ("1e", "The parameter cannot be converted to a numeric value: 1e"),
        ("²", "The parameter cannot be converted to a numeric value: ²"),
        ("\u0661", "The parameter cannot be converted to a numeric value: \u0661"),
        ("1E126", OVERFLOW),
        ("-1E126", OVERFLOW),
        ("1E9999999999", OVERFLOW),
        ("1E-131", UNDERFLOW),
        ("1" * 39, TOO_MANY_DIGITS),
        ("0." + "1" * 39, TOO_MANY_DIGITS),
    ],
)
def test_numbers_out_of_bounds_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        canonical_number(text)

    assert refused.value.message == message


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-9E125"), max_value=Decimal("9E125")))
def test_a_canonical_number_is_the_same_number_and_stays(value: Decimal) -> None:
    value = NUMBER_CONTEXT.plus(value)
    if value and value.adjusted() < -130:
        value = Decimal(0)

    canonical = canonical_number(str(value))

    assert number(canonical) == value
    assert canonical_number(canonical) == canonical
    assert "E" not in canonical


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 1), ("7", 2), ("12", 2), ("123", 3), ("1200", 2), ("-1200", 3), ("1.5", 2), ("0.0012", 2), ("-10.05", 4)],
)
def test_a_number_costs_a_byte_for_two_significant_digits(text: str, size: int) -> None:
    assert number_size(text) == size
    assert canonical_value({"N": text})[1] == size


CANONICAL_VALUES = [
    ({"S": ""}, 0),
    ({"S": "héé"}, 5),
    ({"N": "-12.5"}, 4),
    ({"B": ""}, 0),
    ({"B": "AAE="}, 2),
    ({"BOOL": False}, 1),
    ({"NULL": True}, 1),
    ({"SS": ["a", "", "€"]}, 4),
    ({"NS": ["1", "-2"]}, 5),
    ({"BS": ["AA==", "AAAA"]}, 4),
    ({"L": []}, 3),
    ({"L": [{"S": "ab"}, {"N": "1"}]}, 3 + 2 + 2 + 2),
    ({"M": {}}, 3),
    ({"M": {"né": {"S": "ab"}, "x": {"M": {}}}}, 3 + 2 + 5 + 1 + 3),
]


@pytest.mark.parametrize(("value", "size"), CANONICAL_VALUES)
def test_a_canonical_value_stays_the_same_object_and_is_measured(value: dict[str, Any], size: int) -> None:
    canonical, measured = canonical_value(value)

    assert canonical is value
    assert measured == size
    assert value_size(value) == size


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ({"N": "1.0"}, {"N": "1"}),
        ({"NS": ["1.0", "2"]}, {"NS": ["1", "2"]}),
        ({"L": [{"N": "01"}, {"S": "x"}]}, {"L": [{"N": "1"}, {"S": "x"}]}),
        ({"M": {"a": {"N": "01"}, "b": {"S": "x"}}}, {"M": {"a": {"N": "1"}, "b": {"S": "x"}}}),
        ({"S": "x", "N": None}, {"S": "x"}),
        ({"S": "x", "X": 1}, {"S": "x"}),
    ],
)
def test_a_raw_value_is_made_canonical_without_touching_it(raw: dict[str, Any], canonical: dict[str, Any]) -> None:
    before = orjson.dumps(raw)

    value, size = canonical_value(raw)

    assert value == canonical
    assert size == value_size(canonical)
    assert orjson.dumps(raw) == before


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, EMPTY_VALUE),
        (None, EMPTY_VALUE),
        ({"S": None}, EMPTY_VALUE),
        ({"X": 1}, EMPTY_VALUE),
        ({"L": [None]}, EMPTY_VALUE),
        ({"M": {"a": None}}, EMPTY_VALUE),
        ({"S": "a", "N": "1"}, AMBIGUOUS_VALUE),
        ({"S": "a", "N": "b"}, "The parameter cannot be converted to a numeric value: b"),
        ({"NULL": False}, INVALID + "Null attribute value types must have the value of true"),
        ({"SS": []}, INVALID + "An string set  may not be empty"),
        ({"NS": []}, INVALID + "An number set  may not be empty"),
        ({"BS": []}, INVALID + "Binary sets should not be empty"),
        ({"SS": ["a", "b", "a"]}, INVALID + "Input collection [a, b, a] contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        ({"BS": ["AA==", "AA=="]}, INVALID + "Input collection [AA==, AA==]of type BS contains duplicates."),
        ({"SS": [None]}, INVALID + "An string set may not have a null string as a member"),
        ({"M": {"": {"S": "a"}}}, INVALID + "An attribute name may not be empty"),
    ],
)
def test_invalid_values_are_refused(raw: Any, message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        canonical_value(raw)

    assert refused.value.message == message


@pytest.mark.parametrize("kind", ["L", "M"])
def test_values_nest_32_levels(kind: str) -> None:
    assert canonical_value(nested(kind, NESTING_LEVELS_MAX))[0] == nested(kind, NESTING_LEVELS_MAX)


@pytest.mark.parametrize("kind", ["L", "M"])
@pytest.mark.parametrize("levels", [33, 250])
def test_deeper_values_are_refused(kind: str, levels: int) -> None:
    with pytest.raises(ValidationException) as refused:
        canonical_value(nested(kind, levels))

    assert refused.value.message == NESTED_TOO_DEEPLY


@pytest.mark.parametrize("kind", ["L", "M"])
def test_an_update_may_not_nest_values_more_deeply(kind: str) -> None:
    check_nesting({"a": nested(kind, NESTING_LEVELS_MAX), "b": {"S": "x"}})

    with pytest.raises(ValidationException) as refused:
        check_nesting({"a": {"S": "x"}, "b": {"L": [nested(kind, NESTING_LEVELS_MAX)]}})

    assert refused.value.message == NESTED_TOO_DEEPLY


def test_deep_values_with_wrong_types_do_not_end_the_stack() -> None:
    for wrong in ({"S": 1}, {"S": "a", "N": "1"}, {}):
        with pytest.raises(ServiceError):
            canonical_value({"S": None, **nested("M", 400, wrong)})


def test_attribute_names_have_1_to_65535_bytes() -> None:
    check_attribute_name("é" * 32_767)

    with pytest.raises(ValidationException, match="Attribute name is too large"):
        check_attribute_name("é" * 32_768)
    with pytest.raises(ValidationException, match="may not be empty"):
        check_attribute_name("")


def test_sets_and_maps_are_equal_in_any_order() -> None:
    assert equal({"SS": ["a", "b"]}, {"SS": ["b", "a"]})
    assert equal({"L": [{"NS": ["1", "2"]}]}, {"L": [{"NS": ["2", "1"]}]})
    assert equal({"M": {"a": {"S": "x"}, "b": {"SS": ["1", "2"]}}}, {"M": {"b": {"SS": ["2", "1"]}, "a": {"S": "x"}}})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"S": "1"}, {"N": "1"}),
        ({"SS": ["1"]}, {"NS": ["1"]}),
        ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}),
        ({"L": [{"S": "a"}]}, {"L": [{"S": "a"}, {"S": "a"}]}),
        ({"M": {"a": {"S": "x"}}}, {"M": {"b": {"S": "x"}}}),
        ({"SS": ["a", "b"]}, {"SS": ["a", "c"]}),
        ({"BOOL": True}, {"BOOL": False}),
    ],
)
def test_different_values_are_not_equal(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert not equal(left, right)
    assert not equal(right, left)


def test_scalars_compare_by_their_kind() -> None:
    assert comparable({"N": "9"}) < comparable({"N": "10"})
    assert comparable({"S": "\uffff"}) < comparable({"S": "\U00010000"})
    assert comparable({"B": "fw=="}) < comparable({"B": "gA=="})
    with pytest.raises(KeyError):
        comparable({"BOOL": True})


@given(st.text(), st.text())
def test_strings_compare_as_their_utf8(left: str, right: str) -> None:
    assert (comparable({"S": left}) < comparable({"S": right})) == (left.encode() < right.encode())


def test_a_value_knows_its_type() -> None:
    assert type_of({"NS": ["1"]}) == "NS"


def test_binary_size_counts_bytes() -> None:
    assert [binary_size(text) for text in ("", "AA==", "AAA=", "AAAA")] == [0, 1, 2, 3]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS", "x"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_canonical_or_refused(raw: Any) -> None:
    """Whatever comes in, nothing but a service error comes out; and what is canonical stays so."""
    try:
        value, size = canonical_value(raw)
    except (ValidationException, SerializationException):
        return

    assert canonical_value(value) == (value, size)
    assert value_size(value) == size


def nested(kind: str, levels: int, innermost: Any = None) -> dict[str, Any]:
    value = innermost or {"S": "x"}
    for _ in range(levels):
        value = {kind: [value] if kind == "L" else {"a": value}}
    return value
