"""Query: the items of one partition in order, page by page."""

import pytest

INVALID = "One or more parameter values were invalid: "


@pytest.fixture(scope="module")
def items():
    return [
        {"pk": {"S": "a"}, "sk": {"N": str(n)}, "even": {"BOOL": n % 2 == 0}, "name": {"S": f"item {n}"}}
        for n in range(-5, 5)
    ]


@pytest.fixture
def table(client, make_table, items):
    name = make_table("pk:S", "sk:N")
    for item in [*items, {"pk": {"S": "b"}, "sk": {"N": "0"}}]:
        client.put_item(TableName=name, Item=item)
    return name


def query(client, table, condition="pk = :pk", values=None, **members):
    return client.query(
        TableName=table,
        KeyConditionExpression=condition,
        ExpressionAttributeValues={":pk": {"S": "a"}, **(values or {})},
        **members,
    )


def numbers(answer):
    return [int(item["sk"]["N"]) for item in answer["Items"]]


def test_the_items_of_a_partition_in_order(client, table, items):
    answer = query(client, table)

    assert items == answer["Items"]
    assert (10, 10) == (answer["Count"], answer["ScannedCount"])
    assert "LastEvaluatedKey" not in answer


def test_backwards(client, table, items):
    assert items[::-1] == query(client, table, ScanIndexForward=False)["Items"]


def test_a_partition_that_is_not_there(client, table):
    answer = query(client, table, values={":pk": {"S": "c"}})

    assert ([], 0, 0) == (answer["Items"], answer["Count"], answer["ScannedCount"])


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("sk = :x", ("2",), [2]),
        ("sk < :x", ("-2",), [-5, -4, -3]),
        ("sk <= :x", ("-3",), [-5, -4, -3]),
        ("sk > :x", ("2",), [3, 4]),
        ("sk >= :x", ("2.0",), [2, 3, 4]),
        ("sk BETWEEN :x AND :y", ("-1", "1"), [-1, 0, 1]),
        (":x <= sk", ("3",), [3, 4]),
    ],
)
@pytest.mark.parametrize("forward", [True, False])
def test_conditions_on_the_sort_key(client, table, condition, values, expected, forward):
    placeholders = {name: {"N": value} for name, value in zip((":x", ":y"), values, strict=False)}
    answer = query(client, table, f"pk = :pk AND {condition}", placeholders, ScanIndexForward=forward)

    assert (expected if forward else expected[::-1]) == numbers(answer)


def test_begins_with(client, make_table):
    table = make_table("pk:S", "sk:S")
    for sort in ("a", "ab", "abc", "ac", "b"):
        client.put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"S": sort}})
    answer = query(client, table, "pk = :pk AND begins_with(sk, :x)", {":x": {"S": "ab"}})

    assert ["ab", "abc"] == [item["sk"]["S"] for item in answer["Items"]]


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 10, 11])
def test_pages_lose_and_repeat_nothing(client, table, items, limit, forward):
    read, start = [], {}
    while True:
        answer = query(client, table, Limit=limit, ScanIndexForward=forward, **start)
        read += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            break
        assert limit == answer["ScannedCount"]
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    assert (items if forward else items[::-1]) == read


def test_a_page_that_ends_with_the_last_item_has_a_key_all_the_same(client, table):
    answer = query(client, table, Limit=10)

    assert {"pk": {"S": "a"}, "sk": {"N": "4"}} == answer["LastEvaluatedKey"]


def test_limit_counts_before_the_filter(client, table):
    answer = query(client, table, Limit=4, FilterExpression="even = :t", values={":t": {"BOOL": True}})

    assert [-4, -2] == numbers(answer)
    assert (2, 4) == (answer["Count"], answer["ScannedCount"])
    assert {"pk": {"S": "a"}, "sk": {"N": "-2"}} == answer["LastEvaluatedKey"]


def test_a_page_ends_at_a_megabyte(client, make_table):
    table = make_table("pk:S", "sk:N")
    for n in range(4):
        client.put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"N": str(n)}, "text": {"S": "x" * 350_000}})
    first = query(client, table)
    second = query(client, table, ExclusiveStartKey=first["LastEvaluatedKey"])

    assert [0, 1, 2] == numbers(first)
    assert [3] == numbers(second)
    assert "LastEvaluatedKey" not in second


def test_count(client, table):
    answer = query(client, table, Select="COUNT")

    assert "Items" not in answer
    assert (10, 10) == (answer["Count"], answer["ScannedCount"])


def test_count_of_a_filter(client, table):
    answer = query(client, table, Select="COUNT", FilterExpression="even = :t", values={":t": {"BOOL": True}})

    assert (5, 10) == (answer["Count"], answer["ScannedCount"])


def test_a_projection(client, table):
    answer = query(client, table, "pk = :pk AND sk = :x", {":x": {"N": "1"}}, ProjectionExpression="even, nothing")

    assert [{"even": {"BOOL": False}}] == answer["Items"]


@pytest.mark.parametrize(
    ("condition", "values", "message"),
    [
        ("sk = :pk", {":pk": {"N": "1"}}, "Query condition missed key schema element: pk"),
        ("pk > :pk", {}, "Query key condition not supported"),
        ("pk = :pk AND elsewhere = :pk", {}, "Query condition missed key schema element: sk"),
        ("pk = :pk AND sk = :x", {":x": {"S": "1"}}, INVALID + "Condition parameter type does not match schema type"),
        (
            "pk = :pk AND begins_with(sk, :x)",
            {":x": {"N": "1"}},
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: "
            "begins_with, operand type: N",
        ),
        (
            "pk = :pk",
            {":pk": {"S": ""}},
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            "empty string value. Key: pk",
        ),
    ],
)
def test_a_condition_that_no_key_can_answer_is_refused(client, table, refusal, condition, values, message):
    actual = refusal(query, client, table, condition, values)

    assert ("ValidationException", message) == actual


def test_a_query_without_a_key_condition_is_refused(client, table, refusal):
    actual = refusal(client.query, TableName=table)

    assert (
        "ValidationException",
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
    ) == actual


def test_a_filter_on_a_key_attribute_is_refused(client, table, refusal):
    actual = refusal(query, client, table, FilterExpression="sk = :x", values={":x": {"N": "1"}})

    assert (
        "ValidationException",
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk",
    ) == actual


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"pk": {"S": "a"}}, "The provided starting key is invalid"),
        ({"pk": {"S": "a"}, "sk": {"S": "1"}}, "The provided starting key is invalid"),
        (
            {"pk": {"S": "b"}, "sk": {"N": "1"}},
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
    ],
)
def test_a_wrong_start_key_is_refused(client, table, refusal, start, message):
    actual = refusal(query, client, table, ExclusiveStartKey=start)

    assert ("ValidationException", message) == actual


def test_a_start_key_outside_the_sort_condition_is_refused(client, table, refusal):
    actual = refusal(
        query,
        client,
        table,
        "pk = :pk AND sk > :x",
        {":x": {"N": "2"}},
        ExclusiveStartKey={"pk": {"S": "a"}, "sk": {"N": "0"}},
    )

    assert ("ValidationException", "The provided starting key does not match the range key predicate") == actual


def test_an_index_that_is_not_there(client, table, refusal):
    actual = refusal(query, client, table, IndexName="missing")

    assert ("ValidationException", "The table does not have the specified index: missing") == actual


def test_a_table_that_is_not_there(client, refusal):
    actual = refusal(query, client, "no-such-table")

    assert ("ResourceNotFoundException", "Requested resource not found") == actual
