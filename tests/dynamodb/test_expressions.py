"""Expressions from end to end: what each function and operator says of a stored item, and what is refused."""

import pytest

KEY = {"pk": {"S": "a"}}
ITEM = {
    **KEY,
    "s": {"S": "hello"},
    "n": {"N": "5"},
    "b": {"B": b"\x01\x02\x03"},
    "t": {"BOOL": True},
    "nil": {"NULL": True},
    "l": {"L": [{"S": "x"}, {"N": "1"}, {"L": [{"S": "deep"}]}]},
    "m": {"M": {"k": {"S": "v"}, "m2": {"M": {"n": {"N": "7"}}}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
}


@pytest.fixture
def table(client, make_table):
    name = make_table("pk:S")
    client.put_item(TableName=name, Item=ITEM)
    return name


def values_of(**values):
    return {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else {}


HOLDS = [
    ("s = :v", {"v": {"S": "hello"}}),
    ("s <> :v", {"v": {"N": "1"}}),
    ("n < :v AND n > :w", {"v": {"N": "10"}, "w": {"N": "-10"}}),
    ("n <= :v AND n >= :v", {"v": {"N": "5.0"}}),
    ("n BETWEEN :v AND :w", {"v": {"N": "5"}, "w": {"N": "6"}}),
    ("s IN (:v, :w)", {"v": {"S": "bye"}, "w": {"S": "hello"}}),
    ("NOT s = :v", {"v": {"S": "bye"}}),
    ("s = :v OR n = :w AND t = :v", {"v": {"S": "hello"}, "w": {"N": "5"}}),
    ("attribute_exists(m.m2.n) AND attribute_not_exists(m.m3.n)", {}),
    ("attribute_exists(l[2][0]) AND attribute_not_exists(l[3])", {}),
    ("attribute_type(nil, :v)", {"v": {"S": "NULL"}}),
    ("begins_with(s, :v)", {"v": {"S": "he"}}),
    ("begins_with(b, :v)", {"v": {"B": b"\x01\x02"}}),
    ("contains(s, :v)", {"v": {"S": "ell"}}),
    ("contains(ss, :v)", {"v": {"S": "a"}}),
    ("contains(l, :v)", {"v": {"N": "1"}}),
    ("contains(b, :v)", {"v": {"B": b"\x02\x03"}}),
    ("size(s) = :v", {"v": {"N": "5"}}),
    ("size(ss) < size(l)", {}),
    ("ss = :v", {"v": {"SS": ["b", "a"]}}),
    ("m.k = :v AND l[0] = :w", {"v": {"S": "v"}, "w": {"S": "x"}}),
    ("((s = :v) AND (n = :w))", {"v": {"S": "hello"}, "w": {"N": "5"}}),
]


@pytest.mark.parametrize(("expression", "values"), HOLDS)
def test_what_holds_lets_a_write_through_and_a_filter_keep_the_item(client, table, expression, values):
    client.update_item(TableName=table, Key=KEY, ConditionExpression=expression, **values_of(**values))
    answer = client.scan(TableName=table, FilterExpression=expression, **values_of(**values))

    assert answer["Count"] == 1


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("s = :v", {"v": {"S": "Hello"}}),
        ("s < :v", {"v": {"N": "1"}}),
        ("nothing < :v", {"v": {"N": "1"}}),
        ("nothing = nothing_else", {}),
        ("n = :v", {"v": {"S": "5"}}),
        ("contains(ss, :v)", {"v": {"N": "1"}}),
        ("size(n) = :v", {"v": {"N": "1"}}),
        ("l[9] = :v", {"v": {"S": "x"}}),
        ("s.k = :v", {"v": {"S": "x"}}),
        ("attribute_type(s, :v)", {"v": {"S": "N"}}),
    ],
)
def test_what_does_not_hold_refuses_a_write_and_drops_the_item(client, table, refusal, expression, values):
    members = {"ConditionExpression": expression, **values_of(**values)}
    code, _ = refusal(client.update_item, TableName=table, Key=KEY, **members)
    answer = client.scan(TableName=table, FilterExpression=expression, **values_of(**values))

    assert ("ConditionalCheckFailedException", 0) == (code, answer["Count"])


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        ("", {}, "Invalid ConditionExpression: The expression can not be empty;"),
        (
            "s = :v",
            {},
            "Invalid ConditionExpression: An expression attribute value used in expression is not defined; "
            "attribute value: :v",
        ),
        (
            "#s = s",
            {},
            "Invalid ConditionExpression: An expression attribute name used in the document path is not "
            "defined; attribute name: #s",
        ),
        (
            "size = :v",
            {"v": {"N": "1"}},
            "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: size",
        ),
        ("unknown(s)", {}, "Invalid ConditionExpression: Invalid function name; function: unknown"),
        (
            "attribute_exists(s, n)",
            {},
            "Invalid ConditionExpression: Incorrect number of operands for operator or "
            "function; operator or function: attribute_exists, number of operands: 2",
        ),
        (
            "begins_with(s, :v)",
            {"v": {"N": "1"}},
            "Invalid ConditionExpression: Incorrect operand type for operator or "
            "function; operator or function: begins_with, operand type: N",
        ),
        (
            "attribute_type(s, :v)",
            {"v": {"S": "X"}},
            "Invalid ConditionExpression: Invalid attribute type name found; "
            "type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "n BETWEEN :v AND :w",
            {"v": {"N": "2"}, "w": {"N": "1"}},
            "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to "
            "lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
        ),
        ("((s = :v))", {"v": {"S": "x"}}, "Invalid ConditionExpression: The expression has redundant parentheses;"),
        (
            "s = s",
            {},
            "Invalid ConditionExpression: The first operand must be distinct from the remaining operands for "
            "this operator or function; operator: =, first operand: [s]",
        ),
    ],
)
def test_wrong_conditions_are_refused(client, table, refusal, expression, values, message):
    members = {"ConditionExpression": expression, **values_of(**values)}
    actual = refusal(client.delete_item, TableName=table, Key=KEY, **members)

    assert ("ValidationException", message) == actual


def updated(client, table, expression, **values):
    return client.update_item(
        TableName=table, Key=KEY, UpdateExpression=expression, ReturnValues="ALL_NEW", **values_of(**values)
    )["Attributes"]


def test_list_append(client, table):
    item = updated(client, table, "SET l = list_append(l, :v), fresh = list_append(:v, :v)", v={"L": [{"N": "9"}]})

    assert [*ITEM["l"]["L"], {"N": "9"}] == item["l"]["L"]
    assert [{"N": "9"}, {"N": "9"}] == item["fresh"]["L"]


def test_list_elements(client, table):
    item = updated(client, table, "SET l[1] = :v, l[50] = :v REMOVE l[0]", v={"S": "new"})

    assert [{"S": "new"}, {"L": [{"S": "deep"}]}, {"S": "new"}] == item["l"]["L"]


def test_every_operand_is_of_the_old_item(client, table):
    item = updated(client, table, "SET s = n, n = s")

    assert ({"N": "5"}, {"S": "hello"}) == (item["s"], item["n"])


def test_arithmetic_keeps_38_digits(client, table):
    item = updated(client, table, "SET n = :a + :b", a={"N": "0.1"}, b={"N": "1" + "0" * 36})

    assert {"N": "1" + "0" * 36 + ".1"} == item["n"]


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        (
            "SET s = :v SET n = :v",
            {"v": {"N": "1"}},
            'Invalid UpdateExpression: The "SET" section can only be used once in an update expression;',
        ),
        ("SET s = nothing", {}, "The provided expression refers to an attribute that does not exist in the item"),
        (
            "ADD s :v",
            {"v": {"S": "x"}},
            "Invalid UpdateExpression: Incorrect operand type for operator or function; "
            "operator: ADD, operand type: STRING",
        ),
        ("ADD s :v", {"v": {"N": "1"}}, "An operand in the update expression has an incorrect data type"),
        ("DELETE ss :v", {"v": {"NS": ["1"]}}, "An operand in the update expression has an incorrect data type"),
        (
            "SET n = :v + :v",
            {"v": {"S": "x"}},
            "Invalid UpdateExpression: Incorrect operand type for operator or "
            "function; operator or function: +, operand type: S",
        ),
        (
            "REMOVE pk",
            {},
            "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key",
        ),
    ],
)
def test_wrong_updates_are_refused(client, table, refusal, expression, values, message):
    actual = refusal(client.update_item, TableName=table, Key=KEY, UpdateExpression=expression, **values_of(**values))

    assert ("ValidationException", message) == actual
    assert ITEM["s"] == client.get_item(TableName=table, Key=KEY)["Item"]["s"]


def test_more_than_4_kilobytes_are_refused(client, table, refusal):
    code, message = refusal(
        client.scan,
        TableName=table,
        FilterExpression="s = :v OR " * 500 + "s = :v",
        **values_of(v={"S": "x"}),
    )

    assert code == "ValidationException"
    assert message.startswith("Invalid FilterExpression: Expression size has exceeded the maximum allowed size;")


def test_names_with_dots_and_reserved_words(client, table):
    client.update_item(
        TableName=table,
        Key=KEY,
        UpdateExpression="SET #a = :v, #b = :v",
        ExpressionAttributeNames={"#a": "a.b", "#b": "select"},
        **values_of(v={"N": "1"}),
    )
    answer = client.get_item(
        TableName=table,
        Key=KEY,
        ProjectionExpression="#a, #b",
        ExpressionAttributeNames={"#a": "a.b", "#b": "select"},
    )

    assert {"a.b": {"N": "1"}, "select": {"N": "1"}} == answer["Item"]
