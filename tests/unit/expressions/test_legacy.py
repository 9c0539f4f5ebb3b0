"""The legacy parameters mean what their expressions mean, and are refused in AWS's words."""

import pytest

from magnetodb.errors import ValidationException
from magnetodb.expressions.key_conditions import KeyCondition
from magnetodb.expressions.legacy import (
    attribute_updates,
    attributes_to_get,
    expected_condition,
    filter_condition,
    key_conditions,
)

ITEM = {
    "pk": {"S": "key"},
    "n": {"N": "10"},
    "s": {"S": "text"},
    "tags": {"SS": ["a", "b"]},
    "lst": {"L": [{"N": "1"}]},
    "#odd.name": {"N": "1"},
}
INVALID = "One or more parameter values were invalid: "


def message_of(call, *arguments):
    with pytest.raises(ValidationException) as caught:
        call(*arguments)
    return caught.value.message


def compare(operator, *values):
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


@pytest.mark.parametrize(
    ("name", "condition", "expected"),
    [
        ("n", compare("EQ", {"N": "10.0"}), True),
        ("n", compare("EQ", {"N": "11"}), False),
        ("#odd.name", compare("EQ", {"N": "1"}), True),
        ("tags", compare("EQ", {"SS": ["b", "a"]}), True),
        ("n", compare("NE", {"N": "10"}), False),
        ("absent", compare("NE", {"N": "10"}), True),
        ("n", compare("LE", {"N": "10"}), True),
        ("n", compare("LT", {"N": "10"}), False),
        ("n", compare("GE", {"N": "10"}), True),
        ("n", compare("GT", {"N": "9"}), True),
        ("n", compare("GT", {"S": "9"}), False),
        ("n", {"ComparisonOperator": "NOT_NULL"}, True),
        ("absent", {"ComparisonOperator": "NOT_NULL"}, False),
        ("n", {"ComparisonOperator": "NULL"}, False),
        ("absent", {"ComparisonOperator": "NULL"}, True),
        ("s", compare("CONTAINS", {"S": "ex"}), True),
        ("tags", compare("CONTAINS", {"S": "a"}), True),
        ("lst", compare("CONTAINS", {"N": "1"}), True),
        ("tags", compare("NOT_CONTAINS", {"S": "c"}), True),
        ("tags", compare("NOT_CONTAINS", {"S": "a"}), False),
        ("absent", compare("NOT_CONTAINS", {"S": "a"}), False),
        ("s", compare("BEGINS_WITH", {"S": "te"}), True),
        ("n", compare("IN", {"N": "9"}, {"N": "10"}), True),
        ("n", compare("IN", {"N": "9"}), False),
        ("n", compare("BETWEEN", {"N": "9"}, {"N": "10"}), True),
        ("n", compare("BETWEEN", {"N": "11"}, {"N": "12"}), False),
    ],
)
def test_conditions_of_expected_and_filters(name, condition, expected):
    assert filter_condition("ScanFilter", {name: condition}, None).holds(ITEM) is expected
    assert expected_condition({name: condition}, None).holds(ITEM) is expected


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        ({"Value": {"N": "10"}}, True),
        ({"Value": {"N": "11"}}, False),
        ({"Value": {"N": "10"}, "Exists": True}, True),
        ({"Exists": False}, False),
        ({"Value": {"N": "9"}, "ComparisonOperator": "GT"}, True),
    ],
)
def test_the_older_forms_of_expected(expectation, expected):
    assert expected_condition({"n": expectation}, None).holds(ITEM) is expected


def test_an_attribute_expected_not_to_exist():
    condition = expected_condition({"pk": {"Exists": False}}, None)

    assert condition.holds(None)
    assert not condition.holds(ITEM)


def test_conditions_are_joined_by_and_unless_or_is_asked_for():
    expected = {"n": {"Value": {"N": "10"}}, "s": {"Value": {"S": "other"}}}

    assert not expected_condition(expected, None).holds(ITEM)
    assert not expected_condition(expected, "AND").holds(ITEM)
    assert expected_condition(expected, "OR").holds(ITEM)


def test_nothing_expected_is_no_condition():
    assert expected_condition(None, None) is None
    assert expected_condition({}, None) is None
    assert filter_condition("QueryFilter", {}, None) is None


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (None, "ConditionalOperator cannot be used without Filter or Expected"),
        ({}, "ConditionalOperator cannot be used without Filter or Expected"),
        (
            {"n": {"ComparisonOperator": "NULL"}},
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
    ],
)
def test_a_conditional_operator_needs_two_conditions(conditions, expected):
    assert message_of(expected_condition, conditions, "OR") == expected
    assert message_of(filter_condition, "ScanFilter", conditions, "AND") == expected


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        ({}, "Value must be provided when Exists is null"),
        ({"Exists": True}, "Value must be provided when Exists is true"),
        ({"Exists": False, "Value": {"N": "1"}}, "Value cannot be used when Exists is false"),
        ({"AttributeValueList": []}, "AttributeValueList can only be used with a ComparisonOperator"),
        (
            {"AttributeValueList": [], "Exists": True},
            "AttributeValueList can only be used with a ComparisonOperator",
        ),
        (compare("EQ") | {"Value": {"N": "1"}}, "Value and AttributeValueList cannot be used together"),
        (compare("EQ") | {"Exists": True}, "Exists and ComparisonOperator cannot be used together"),
        ({"ComparisonOperator": "EQ"}, "Value or AttributeValueList must be used with ComparisonOperator: EQ"),
    ],
)
def test_members_of_expected_that_do_not_go_together_are_refused(expectation, expected):
    actual = message_of(expected_condition, {"attr": expectation}, None)

    assert f"1 validation error detected: {INVALID}{expected} for Attribute: attr" == actual


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (compare("EQ"), "Invalid number of argument(s) for the EQ ComparisonOperator"),
        (compare("NULL", {"N": "1"}), "Invalid number of argument(s) for the NULL ComparisonOperator"),
        (compare("IN"), "Invalid number of argument(s) for the IN ComparisonOperator"),
        (compare("BETWEEN", {"N": "1"}), "Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
        (compare("CONTAINS", {"L": []}), "ComparisonOperator CONTAINS is not valid for L AttributeValue type"),
        (compare("LT", {"BOOL": True}), "ComparisonOperator LT is not valid for BOOL AttributeValue type"),
        (compare("BEGINS_WITH", {"N": "1"}), "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"),
        (compare("IN", {"SS": ["a"]}), "ComparisonOperator IN is not valid for SS AttributeValue type"),
        (
            compare("IN", {"N": "1"}, {"S": "a"}),
            "AttributeValues inside AttributeValueList must all be of the same type",
        ),
    ],
)
def test_wrong_values_of_a_comparison_operator_are_refused(condition, expected):
    assert message_of(filter_condition, "ScanFilter", {"a": condition}, None) == INVALID + expected
    assert message_of(key_conditions, {"a": condition}) == INVALID + expected
    assert message_of(expected_condition, {"a": condition}, None).endswith(INVALID + expected)


def test_filters_have_the_limits_of_filter_expressions():
    many = {f"a{place}": {"ComparisonOperator": "NULL"} for place in range(301)}

    assert message_of(filter_condition, "ScanFilter", many, None) == (
        "Invalid ScanFilter: The expression contains too many operators; operator count: 301"
    )
    assert message_of(filter_condition, "ScanFilter", {"a": compare("IN", *[{"N": "1"}] * 101)}, None) == (
        f"{INVALID}Invalid number of argument(s) for the IN ComparisonOperator"
    )


def test_a_range_the_wrong_way_round_is_refused():
    condition = compare("BETWEEN", {"N": "10"}, {"N": "9"})

    expected = "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
    assert message_of(filter_condition, "ScanFilter", {"a": condition}, None) == expected


def test_filters_know_the_attributes_that_they_look_at():
    condition = filter_condition("QueryFilter", {"pk": {"ComparisonOperator": "NULL"}}, None)

    assert message_of(condition.refuse_attributes, ("pk",)) == (
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: pk"
    )


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("EQ", ({"N": "2"},), KeyCondition(({"S": "k"},), ({"N": "2"},), None, ())),
        ("LE", ({"N": "2"},), KeyCondition(({"S": "k"},), (), "<=", ({"N": "2"},))),
        ("GT", ({"N": "2.0"},), KeyCondition(({"S": "k"},), (), ">", ({"N": "2"},))),
        ("BEGINS_WITH", ({"S": "x"},), KeyCondition(({"S": "k"},), (), "begins_with", ({"S": "x"},))),
        (
            "BETWEEN",
            ({"N": "1"}, {"N": "2"}),
            KeyCondition(({"S": "k"},), (), "BETWEEN", ({"N": "1"}, {"N": "2"})),
        ),
    ],
)
def test_key_conditions(operator, values, expected):
    conditions = key_conditions({"pk": compare("EQ", {"S": "k"}), "sk": compare(operator, *values)})

    actual = conditions.for_key(("pk",), ("sk",))

    assert expected == actual


@pytest.mark.parametrize("operator", ["NE", "CONTAINS", "NOT_CONTAINS", "IN"])
def test_operators_that_no_index_can_serve_are_refused(operator):
    actual = message_of(key_conditions, {"pk": compare(operator, {"S": "a"})})

    assert actual == "Attempted conditional constraint is not an indexable operation"


@pytest.mark.parametrize("names", ["", "abc"])
def test_a_key_of_a_table_has_one_or_two_conditions(names):
    conditions = {name: compare("EQ", {"S": "k"}) for name in names}

    assert message_of(key_conditions, conditions) == "Conditions can be of length 1 or 2 only"


def test_a_key_of_an_index_may_have_more_conditions():
    conditions = key_conditions({name: compare("EQ", {"S": name}) for name in "abc"}, 8)

    actual = conditions.for_key(("a", "b"), ("c",))

    assert actual == KeyCondition(({"S": "a"}, {"S": "b"}), ({"S": "c"},), None, ())


@pytest.mark.parametrize(
    ("name", "entry", "expected"),
    [
        ("a", {"Value": {"N": "1.0"}}, {"N": "1"}),
        ("n", {"Value": {"S": "x"}, "Action": "PUT"}, {"S": "x"}),
        ("n", {"Action": "DELETE"}, None),
        ("absent", {"Action": "DELETE"}, None),
        ("tags", {"Action": "DELETE", "Value": {"SS": ["a", "z"]}}, {"SS": ["b"]}),
        ("n", {"Action": "ADD", "Value": {"N": "5"}}, {"N": "15"}),
        ("a", {"Action": "ADD", "Value": {"N": "5"}}, {"N": "5"}),
        ("tags", {"Action": "ADD", "Value": {"SS": ["c"]}}, {"SS": ["a", "b", "c"]}),
        ("lst", {"Action": "ADD", "Value": {"L": [{"N": "2"}]}}, {"L": [{"N": "1"}, {"N": "2"}]}),
        ("a", {"Action": "ADD", "Value": {"L": [{"N": "2"}]}}, {"L": [{"N": "2"}]}),
        ("#odd.name", {"Action": "ADD", "Value": {"N": "1"}}, {"N": "2"}),
    ],
)
def test_attribute_updates(name, entry, expected):
    update = attribute_updates({name: entry})

    assert expected == update.apply(ITEM).get(name)
    assert update.attributes == (name,)


def test_several_attribute_updates_are_one_update():
    update = attribute_updates({"a": {"Value": {"N": "1"}}, "n": {"Action": "DELETE"}})

    new = update.apply(ITEM)

    assert new == {name: value for name, value in ITEM.items() if name != "n"} | {"a": {"N": "1"}}
    assert update.updated_new(new) == {"a": {"N": "1"}}
    assert update.updated_old(ITEM) == {"n": {"N": "10"}}


def test_no_attribute_updates_change_nothing():
    assert attribute_updates({}).apply(ITEM) == ITEM


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"Action": "PUT"}, "Only DELETE action is allowed when no attribute value is specified"),
        ({}, "Only DELETE action is allowed when no attribute value is specified"),
        ({"Action": "ADD"}, "Only DELETE action is allowed when no attribute value is specified"),
        ({"Action": "ADD", "Value": {"S": "x"}}, "ADD action is not supported for the type STRING"),
        ({"Action": "DELETE", "Value": {"N": "1"}}, "DELETE action with value is not supported for the type NUMBER"),
    ],
)
def test_wrong_attribute_updates_are_refused(entry, expected):
    actual = message_of(attribute_updates, {"a": entry})

    assert INVALID + expected == actual


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("s", {"Action": "ADD", "Value": {"N": "1"}}),
        ("s", {"Action": "DELETE", "Value": {"SS": ["a"]}}),
        ("s", {"Action": "ADD", "Value": {"L": []}}),
    ],
)
def test_attribute_updates_of_another_type_are_refused(name, entry):
    actual = message_of(attribute_updates({name: entry}).apply, ITEM)

    assert actual == "Type mismatch for attribute to update"


def test_attributes_to_get():
    assert attributes_to_get(["n", "absent", "#odd.name"]).apply(ITEM) == {"n": {"N": "10"}, "#odd.name": {"N": "1"}}
    assert message_of(attributes_to_get, ["a", "b", "a"]) == f"{INVALID}Duplicate value in attribute name: a"


def test_ten_thousand_conditions_are_evaluated():
    expected = {f"a{place}": {"Exists": False} for place in range(10_000)}

    assert expected_condition(expected, "AND").holds(ITEM)
