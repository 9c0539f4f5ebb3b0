"""Key conditions under key schemas of one and of several attributes."""

import pytest

from magnetodb.errors import ValidationException
from magnetodb.expressions.key_conditions import KeyCondition, parse_key_conditions
from magnetodb.expressions.placeholders import Placeholders

ONE, TWO, TEXT = {"N": "1"}, {"N": "2"}, {"S": "text"}
VALUES = {":one": ONE, ":two": TWO, ":text": TEXT, ":list": {"L": []}}
NAMES = {"#pk": "pk"}


def parsed(text):
    return parse_key_conditions(text, Placeholders(NAMES, VALUES))


def for_key(text, partition=("pk",), sort=("sk",)):
    return parsed(text).for_key(partition, sort)


def error(text, partition=("pk",), sort=("sk",)):
    with pytest.raises(ValidationException) as caught:
        for_key(text, partition, sort)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pk = :one", KeyCondition((ONE,), (), None, ())),
        ("#pk = :one", KeyCondition((ONE,), (), None, ())),
        (":one = pk", KeyCondition((ONE,), (), None, ())),
        ("(pk = :one)", KeyCondition((ONE,), (), None, ())),
        ("pk = :one AND sk = :two", KeyCondition((ONE,), (TWO,), None, ())),
        ("sk = :two AND pk = :one", KeyCondition((ONE,), (TWO,), None, ())),
        ("pk = :one AND sk < :two", KeyCondition((ONE,), (), "<", (TWO,))),
        ("pk = :one AND sk <= :two", KeyCondition((ONE,), (), "<=", (TWO,))),
        ("pk = :one AND (sk > :two)", KeyCondition((ONE,), (), ">", (TWO,))),
        ("pk = :one AND sk >= :two", KeyCondition((ONE,), (), ">=", (TWO,))),
        ("pk = :one AND :two <= sk", KeyCondition((ONE,), (), ">=", (TWO,))),
        ("pk = :one AND begins_with(sk, :text)", KeyCondition((ONE,), (), "begins_with", (TEXT,))),
        ("pk = :one AND sk BETWEEN :one AND :two", KeyCondition((ONE,), (), "BETWEEN", (ONE, TWO))),
        ("sk BETWEEN :one AND :two AND pk = :one", KeyCondition((ONE,), (), "BETWEEN", (ONE, TWO))),
    ],
)
def test_conditions_on_a_partition_and_a_sort_key(text, expected):
    actual = for_key(text)

    assert expected == actual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = :one AND b = :two", KeyCondition((ONE, TWO), (), None, ())),
        ("b = :two AND a = :one AND c = :text", KeyCondition((ONE, TWO), (TEXT,), None, ())),
        ("a = :one AND b = :two AND c = :text AND d > :one", KeyCondition((ONE, TWO), (TEXT,), ">", (ONE,))),
        ("a = :one AND b = :two AND c < :text", KeyCondition((ONE, TWO), (), "<", (TEXT,))),
        ("a = :one AND b = :two AND c = :text AND d = :one", KeyCondition((ONE, TWO), (TEXT, ONE), None, ())),
    ],
)
def test_conditions_on_keys_of_several_attributes(text, expected):
    actual = for_key(text, ("a", "b"), ("c", "d"))

    assert expected == actual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = :one", "Query condition missed key schema element: b"),
        ("a = :one AND b = :two AND d = :one", "Query condition missed key schema element: c"),
        ("a = :one AND b > :two", "Query key condition not supported"),
        ("a = :one AND b = :two AND c < :text AND d = :one", "Query key condition not supported"),
    ],
)
def test_attributes_of_a_key_are_given_from_left_to_right_with_a_range_at_the_end(text, expected):
    actual = error(text, ("a", "b"), ("c", "d"))

    assert expected == actual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unknown1 = :one", "Query condition missed key schema element: pk"),
        ("sk = :one", "Query condition missed key schema element: pk"),
        ("pk = :one AND unknown1 = :two", "Query condition missed key schema element: sk"),
        ("pk > :one", "Query key condition not supported"),
        ("begins_with(pk, :text)", "Query key condition not supported"),
        ("pk = :one AND sk = :two AND unknown1 = :one", "Query key condition not supported"),
        ("pk = :one OR sk = :two", "Invalid operator used in KeyConditionExpression: OR"),
        ("NOT pk = :one", "Invalid operator used in KeyConditionExpression: NOT"),
        ("pk <> :one", "Invalid operator used in KeyConditionExpression: <>"),
        ("pk IN (:one)", "Invalid operator used in KeyConditionExpression: IN"),
        ("contains(pk, :one)", "Invalid operator used in KeyConditionExpression: contains"),
        ("attribute_exists(pk)", "Invalid operator used in KeyConditionExpression: attribute_exists"),
        ("size(pk) = :one", "KeyConditionExpressions cannot contain nested operations"),
        ("pk.x = :one", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("pk = sk", "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"),
        (":one = :one", "Invalid condition in KeyConditionExpression: No key attribute specified"),
        (
            "pk = :one AND :two BETWEEN sk AND :two",
            "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as its first "
            "operand",
        ),
        (
            "pk = :one AND #pk = :two",
            "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key",
        ),
        ("", "Invalid KeyConditionExpression: The expression can not be empty;"),
        (
            "pk = :nowhere",
            "Invalid KeyConditionExpression: An expression attribute value used in expression is not defined; "
            "attribute value: :nowhere",
        ),
        (
            "pk = :one AND begins_with(sk, :one)",
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; "
            "operator or function: begins_with, operand type: N",
        ),
        (
            "pk = :one AND sk > :list",
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; "
            "operator or function: >, operand type: L",
        ),
        (
            "pk = :one AND sk BETWEEN :two AND :one",
            "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to "
            "lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
        ),
    ],
)
def test_what_is_no_key_condition_is_refused(text, expected):
    actual = error(text)

    assert expected == actual


def test_a_second_condition_on_a_table_without_sort_key_is_not_supported():
    assert error("pk = :one AND unknown1 = :two", sort=()) == "Query key condition not supported"


def test_sort_key_conditions_are_kept_apart_by_schema():
    conditions = parsed("pk = :one AND sk = :two")

    assert conditions.for_key(("pk",), ("sk",)) == KeyCondition((ONE,), (TWO,), None, ())
    assert conditions.for_key(("sk",), ("pk",)) == KeyCondition((TWO,), (ONE,), None, ())
