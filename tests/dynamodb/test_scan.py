"""Scan: all items, page by page, in parallel segments."""

import pytest


@pytest.fixture
def table(client, make_table):
    name = make_table("pk:S", "sk:N")
    for n in range(40):
        client.put_item(
            TableName=name,
            Item={"pk": {"S": f"p{n // 2}"}, "sk": {"N": str(n)}, "odd": {"BOOL": n % 2 == 1}},
        )
    return name


def scan_all(client, table, **members):
    """All pages: the sort keys in the order read, and the pages' counts."""
    read, counts, start = [], [], {}
    while True:
        answer = client.scan(TableName=table, **members, **start)
        read += [int(item["sk"]["N"]) for item in answer.get("Items", [])]
        counts.append((answer["Count"], answer["ScannedCount"]))
        if "LastEvaluatedKey" not in answer:
            return read, counts
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def test_all_items(client, table):
    read, counts = scan_all(client, table)

    assert list(range(40)) == sorted(read)
    assert [(40, 40)] == counts


@pytest.mark.parametrize("limit", [1, 7, 40])
def test_pages_lose_and_repeat_nothing(client, table, limit):
    read, counts = scan_all(client, table, Limit=limit)

    assert list(range(40)) == sorted(read)
    assert all(scanned <= limit for _, scanned in counts)


def test_the_order_is_the_same_every_time(client, table):
    assert scan_all(client, table, Limit=3)[0] == scan_all(client, table)[0]


@pytest.mark.parametrize("total", [1, 2, 3, 16])
def test_segments_share_the_table(client, table, total):
    parts = [scan_all(client, table, Segment=n, TotalSegments=total, Limit=5)[0] for n in range(total)]

    assert list(range(40)) == sorted(number for part in parts for number in part)
    if total == 3:
        assert all(parts)


def test_a_filter(client, table):
    read, counts = scan_all(
        client, table, FilterExpression="odd = :t", ExpressionAttributeValues={":t": {"BOOL": True}}
    )

    assert list(range(1, 40, 2)) == sorted(read)
    assert [(20, 40)] == counts


def test_a_filter_may_name_key_attributes(client, table):
    read, _ = scan_all(client, table, FilterExpression="sk < :n", ExpressionAttributeValues={":n": {"N": "3"}})

    assert [0, 1, 2] == sorted(read)


def test_a_projection(client, table):
    answer = client.scan(TableName=table, ProjectionExpression="odd", Limit=1)

    assert [["odd"]] == [list(item) for item in answer["Items"]]


def test_count(client, table):
    answer = client.scan(TableName=table, Select="COUNT")

    assert "Items" not in answer
    assert (40, 40) == (answer["Count"], answer["ScannedCount"])


def test_an_empty_table(client, make_table):
    answer = client.scan(TableName=make_table("pk:S"))

    assert ([], 0, 0) == (answer["Items"], answer["Count"], answer["ScannedCount"])


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"Segment": 0},
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is "
            "present",
        ),
        (
            {"TotalSegments": 2},
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is "
            "present",
        ),
        (
            {"Segment": 4, "TotalSegments": 4},
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 4 is not less "
            "than TotalSegments: 4",
        ),
        (
            {"ExclusiveStartKey": {"pk": {"S": "a"}, "sk": {"N": "1"}, "other": {"S": "x"}}},
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
        (
            {"ExclusiveStartKey": {"pk": {"S": "a"}}},
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
        (
            {"ExclusiveStartKey": {"pk": {"S": "a"}, "sk": {"N": "x"}}},
            "The provided starting key is invalid: The parameter cannot be converted to a numeric value: x",
        ),
        (
            {"ExclusiveStartKey": {"pk": {"S": "a"}, "other": {"N": "1"}}},
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
        ({"IndexName": "missing"}, "The table does not have the specified index: missing"),
        (
            {"Select": "SPECIFIC_ATTRIBUTES"},
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        ),
    ],
)
def test_wrong_parameters_are_refused(client, table, refusal, members, message):
    actual = refusal(client.scan, TableName=table, **members)

    assert ("ValidationException", message) == actual


def test_a_start_key_of_another_segment_is_refused(client, table, refusal):
    first, second = (
        client.scan(TableName=table, Segment=segment, TotalSegments=2, Limit=1)["LastEvaluatedKey"]
        for segment in range(2)
    )
    for segment, start in ((0, second), (1, first)):
        actual = refusal(client.scan, TableName=table, Segment=segment, TotalSegments=2, ExclusiveStartKey=start)

        assert (
            "ValidationException",
            "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with "
            f"correct Segment. TotalSegments: 2 Segment: {segment}",
        ) == actual


def test_a_table_that_is_not_there(client, refusal):
    actual = refusal(client.scan, TableName="no-such-table")

    assert ("ResourceNotFoundException", "Requested resource not found") == actual
