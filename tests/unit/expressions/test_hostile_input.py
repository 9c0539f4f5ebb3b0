"""Whatever a request holds, the floor answers or raises a ServiceError: nothing else, no deep stack, no long wait."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnetodb.errors import ServiceError
from magnetodb.expressions import (
    parse_condition,
    parse_key_conditions,
    parse_projection,
    parse_update,
    placeholders_of,
)
from magnetodb.expressions.legacy import attribute_updates, expected_condition, filter_condition, key_conditions

raw_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(max_size=3),
        st.sampled_from(
            [
                {"N": "1"},
                {"N": "1e125"},
                {"S": ""},
                {"B": "AQ=="},
                {"B": "!"},
                {"BOOL": True},
                {"NULL": True},
                {"M": {}},
            ]
        ),
        st.sampled_from([{"SS": ["a"]}, {"NS": ["1", "1.0"]}, {"BS": ["AQ=="]}, {"L": []}, {"N": "x"}, {}, {"X": 1}]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(lambda members: {"L": members}),
        st.dictionaries(st.sampled_from(["a", "b", "S", "N"]), inner, max_size=3).map(lambda members: {"M": members}),
    ),
    max_leaves=5,
)
good_values = st.sampled_from(
    [
        {"N": "1"},
        {"N": "-9" + "0" * 125},
        {"S": "a"},
        {"B": "AQ=="},
        {"BOOL": True},
        {"NULL": True},
        {"SS": ["a"]},
        {"NS": ["1"]},
        {"BS": ["AQ=="]},
        {"L": [{"N": "1"}, {"L": []}]},
        {"M": {"a": {"N": "1"}, "b": {"M": {}}}},
    ]
)
items = st.dictionaries(st.sampled_from(["a", "b", "c"]), good_values, max_size=3)
path_texts = st.sampled_from(["a", "b", "c", "#a", "a.b", "b[0]", "c[7]", "a.b.a", "b[1][0]", "#a[0].a"])
value_texts = st.sampled_from([":v", ":w"])
operand_texts = path_texts | value_texts
set_texts = st.one_of(
    st.builds("{} = {}".format, path_texts, operand_texts),
    st.builds("{} = {} + {}".format, path_texts, operand_texts, operand_texts),
    st.builds("{} = {} - {}".format, path_texts, operand_texts, operand_texts),
    st.builds("{} = if_not_exists({}, {})".format, path_texts, path_texts, operand_texts),
    st.builds("{} = list_append({}, {})".format, path_texts, operand_texts, operand_texts),
)
update_texts = st.builds(
    "SET {} REMOVE {} ADD {} {} DELETE {} {}".format,
    set_texts,
    path_texts,
    path_texts,
    value_texts,
    path_texts,
    value_texts,
) | st.builds("SET {}, {}".format, set_texts, set_texts)
condition_texts = st.lists(
    st.one_of(
        st.builds("{} {} {}".format, operand_texts, st.sampled_from(["=", "<>", "<", ">="]), operand_texts),
        st.builds("{} BETWEEN {} AND {}".format, operand_texts, operand_texts, operand_texts),
        st.builds("NOT {} IN ({}, {})".format, operand_texts, operand_texts, operand_texts),
        st.builds("contains({}, {})".format, operand_texts, operand_texts),
        st.builds("begins_with({}, {})".format, operand_texts, operand_texts),
        st.builds("attribute_type({}, {})".format, operand_texts, operand_texts),
        st.builds("size({}) > {}".format, operand_texts, operand_texts),
    ),
    min_size=1,
    max_size=4,
).map(" OR ".join)


@settings(deadline=None)
@given(update_texts, condition_texts, good_values, good_values, items)
def test_well_formed_expressions_on_any_item(update_text, condition_text, first, second, item):
    placeholders = placeholders_of({"#a": "a"}, {":v": first, ":w": second}, expressions=(), given=True)
    with contextlib.suppress(ServiceError):
        parse_condition(condition_text, placeholders).holds(item)
    with contextlib.suppress(ServiceError):
        parse_key_conditions(condition_text, placeholders).for_key(("a",), ("b",))
    with contextlib.suppress(ServiceError):
        update = parse_update(update_text, placeholders)
        new = update.apply(item)
        update.updated_old(item)
        update.updated_new(new)


@settings(deadline=None)
@given(
    st.dictionaries(st.text(max_size=3) | st.sampled_from(["#a", "#b"]), st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3) | st.sampled_from([":v", ":w"]), raw_values, max_size=3),
)
def test_any_names_and_values(names, values):
    with contextlib.suppress(ServiceError):
        placeholders = placeholders_of(names, values, expressions=("ConditionExpression",), given=True)
        parse_condition("#a = :v", placeholders).holds({})
        placeholders.refuse_unused()


operators = st.sampled_from(["EQ", "NE", "IN", "LE", "BETWEEN", "NOT_NULL", "NULL", "CONTAINS", "BEGINS_WITH"])
comparisons = st.builds(
    lambda operator, values: {"ComparisonOperator": operator, "AttributeValueList": values},
    operators,
    st.lists(raw_values.filter(lambda value: type(value) is dict), max_size=3),
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b"]), comparisons, max_size=2), items)
def test_any_legacy_conditions(conditions, item):
    with contextlib.suppress(ServiceError):
        filter_condition("ScanFilter", conditions, None)
        expected_condition(conditions, "OR").holds(item)
    with contextlib.suppress(ServiceError):
        key_conditions(conditions).for_key(("a",), ("b",))


@settings(deadline=None)
@given(st.sampled_from(["PUT", "ADD", "DELETE"]), raw_values.filter(lambda value: type(value) is dict), items)
def test_any_legacy_updates(action, value, item):
    with contextlib.suppress(ServiceError):
        attribute_updates({"a": {"Action": action, "Value": value}}).apply(item)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "(" * 4096,
        "a=:v OR " * 511 + "a=:v",
        "NOT " * 1023,
        "a" + "[0]" * 1364,
        "a[" + "9" * 4090 + "]",
        "contains(" * 455,
        "SET a=" + "if_not_exists(a," * 255,
        "SET " + ",".join(f"a{place}=:v" for place in range(450)),
        ",".join(f"a{place}" for place in range(700)),
        "@" * 4096,
    ],
)
def test_no_text_takes_long(text):
    placeholders = placeholders_of(None, {":v": {"N": "1"}}, expressions=(), given=True)
    started = time.process_time()
    for parse in (parse_condition, parse_update, parse_projection, parse_key_conditions):
        with contextlib.suppress(ServiceError):
            parse(text, placeholders)

    assert time.process_time() - started < 1
