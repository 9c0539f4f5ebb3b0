"""Secondary indexes: sparse, with projections, duplicate and multi-attribute keys; read by Query and Scan."""

import pytest

INVALID = "One or more parameter values were invalid: "
NOT_VALID = "One or more parameter values are not valid. "


@pytest.fixture
def table(client, make_table):
    """Orders: 12 with a status (three values), 3 without."""
    name = make_table(
        "customer:S",
        "order:N",
        lsi={"by_amount": {"key": ("customer:S", "amount:N"), "projection": "KEYS_ONLY"}},
        gsi={
            "by_status": {"key": ("status:S", "amount:N")},
            "by_status_keys": {"key": ("status:S",), "projection": "KEYS_ONLY"},
            "by_status_some": {"key": ("status:S",), "projection": "INCLUDE", "attributes": ["note"]},
        },
    )
    for n in range(15):
        item = {"customer": {"S": "c"}, "order": {"N": str(n)}, "note": {"S": f"n{n}"}, "other": {"BOOL": True}}
        if n < 12:
            item |= {"status": {"S": f"s{n % 3}"}, "amount": {"N": str(n // 6)}}
        client.put_item(TableName=name, Item=item)
    return name


def by_status(client, table, index="by_status", status="s0", **members):
    return client.query(
        TableName=table,
        IndexName=index,
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "status"} | members.pop("names", {}),
        ExpressionAttributeValues={":s": {"S": status}},
        **members,
    )


def orders(answer):
    return [int(item["order"]["N"]) for item in answer["Items"]]


def test_items_in_the_order_of_the_index(client, table):
    assert [0, 3, 6, 9] == orders(by_status(client, table))
    assert [9, 6, 3, 0] == orders(by_status(client, table, ScanIndexForward=False))


def test_an_index_with_all_attributes_has_them(client, table):
    item = by_status(client, table, Select="ALL_ATTRIBUTES")["Items"][0]

    assert {"customer", "order", "note", "other", "status", "amount"} == item.keys()


@pytest.mark.parametrize(
    ("index", "attributes"),
    [
        ("by_status_keys", {"customer", "order", "status"}),
        ("by_status_some", {"customer", "order", "status", "note"}),
    ],
)
def test_an_index_has_what_it_projects(client, table, index, attributes):
    assert attributes == by_status(client, table, index)["Items"][0].keys()
    assert attributes == by_status(client, table, index, Select="ALL_PROJECTED_ATTRIBUTES")["Items"][0].keys()
    assert attributes == client.scan(TableName=table, IndexName=index)["Items"][0].keys()


def test_an_item_without_the_index_key_is_not_in_the_index(client, table):
    assert client.scan(TableName=table, IndexName="by_status", Select="COUNT")["Count"] == 12


def test_a_changed_key_moves_the_item(client, table):
    client.update_item(
        TableName=table,
        Key={"customer": {"S": "c"}, "order": {"N": "3"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": "s1"}},
    )

    assert [0, 6, 9] == orders(by_status(client, table))
    assert [1, 3, 4, 7, 10] == orders(by_status(client, table, status="s1"))


def test_a_removed_key_and_a_deleted_item_leave_the_index(client, table):
    client.update_item(
        TableName=table,
        Key={"customer": {"S": "c"}, "order": {"N": "3"}},
        UpdateExpression="REMOVE #s",
        ExpressionAttributeNames={"#s": "status"},
    )
    client.delete_item(TableName=table, Key={"customer": {"S": "c"}, "order": {"N": "6"}})

    assert [0, 9] == orders(by_status(client, table))


def test_a_changed_attribute_is_seen_in_the_index(client, table):
    client.update_item(
        TableName=table,
        Key={"customer": {"S": "c"}, "order": {"N": "0"}},
        UpdateExpression="SET note = :n",
        ExpressionAttributeValues={":n": {"S": "new"}},
    )

    assert by_status(client, table, "by_status_some")["Items"][0]["note"] == {"S": "new"}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_over_equal_keys_lose_and_repeat_nothing(client, table, limit):
    for index in ("by_status", "by_status_keys"):
        for forward in (True, False):
            read, start = [], {}
            while True:
                answer = by_status(client, table, index, Limit=limit, ScanIndexForward=forward, **start)
                read += orders(answer)
                if "LastEvaluatedKey" not in answer:
                    break
                start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

            assert ([0, 3, 6, 9] if forward else [9, 6, 3, 0]) == read


def test_the_last_evaluated_key_has_the_keys_of_table_and_index(client, table):
    answer = by_status(client, table, Limit=1)

    expected = {"customer": {"S": "c"}, "order": {"N": "0"}, "status": {"S": "s0"}, "amount": {"N": "0"}}
    assert expected == answer["LastEvaluatedKey"]


@pytest.mark.parametrize("limit", [1, 5, 12])
def test_a_scan_of_an_index_in_pages(client, table, limit):
    read, start = [], {}
    while True:
        answer = client.scan(TableName=table, IndexName="by_status", Limit=limit, **start)
        read += orders(answer)
        if "LastEvaluatedKey" not in answer:
            break
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    assert list(range(12)) == sorted(read)


@pytest.mark.parametrize("total", [2, 5])
def test_segments_share_an_index(client, table, total):
    parts = [
        orders(client.scan(TableName=table, IndexName="by_status", Segment=n, TotalSegments=total))
        for n in range(total)
    ]

    assert list(range(12)) == sorted(order for part in parts for order in part)


def by_amount(client, table, **members):
    return client.query(
        TableName=table,
        IndexName="by_amount",
        KeyConditionExpression="customer = :c AND amount = :t",
        ExpressionAttributeValues={":c": {"S": "c"}, ":t": {"N": "1"}},
        **members,
    )


@pytest.mark.parametrize("consistent", [True, False])
def test_a_local_index(client, table, consistent):
    answer = by_amount(client, table, ConsistentRead=consistent)

    assert [6, 7, 8, 9, 10, 11] == orders(answer)
    assert {"customer", "order", "amount"} == answer["Items"][0].keys()


def test_a_local_index_fetches_what_it_does_not_project(client, table):
    whole = by_amount(client, table, Select="ALL_ATTRIBUTES", Limit=2)
    part = by_amount(client, table, ProjectionExpression="note", Limit=1)

    assert {"customer", "order", "note", "other", "status", "amount"} == whole["Items"][1].keys()
    assert {"customer": {"S": "c"}, "order": {"N": "7"}, "amount": {"N": "1"}} == whole["LastEvaluatedKey"]
    assert [{"note": {"S": "n6"}}] == part["Items"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"index": "by_status_keys", "Select": "ALL_ATTRIBUTES"},
            INVALID + "Select type ALL_ATTRIBUTES is not supported for global secondary index by_status_keys because "
            "its projection type is not ALL",
        ),
        (
            {"index": "by_status_keys", "ProjectionExpression": "note"},
            INVALID + "Global secondary index by_status_keys does not project [note]",
        ),
        ({"ConsistentRead": True}, "Consistent reads are not supported on global secondary indexes"),
        ({"ExclusiveStartKey": {"status": {"S": "s0"}}}, "The provided starting key is invalid"),
        (
            {
                "ExclusiveStartKey": {
                    "status": {"S": "s1"},
                    "amount": {"N": "0"},
                    "customer": {"S": "c"},
                    "order": {"N": "1"},
                }
            },
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
    ],
)
def test_what_a_global_index_cannot_do_is_refused(client, table, refusal, members, message):
    actual = refusal(by_status, client, table, **members)

    assert ("ValidationException", message) == actual


def test_a_consistent_scan_of_a_global_index_is_refused(client, table, refusal):
    actual = refusal(client.scan, TableName=table, IndexName="by_status", ConsistentRead=True)

    assert ("ValidationException", "Consistent reads are not supported on global secondary indexes") == actual


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            {"status": {"N": "1"}},
            INVALID + "Type mismatch for Index Key status Expected: S Actual: N IndexName: by_status",
        ),
        (
            {"status": {"S": ""}},
            NOT_VALID + "A value specified for a secondary index key is not supported. The AttributeValue for a key "
            "attribute cannot contain an empty string value. IndexName: by_status, IndexKey: status",
        ),
    ],
)
def test_a_put_with_a_wrong_index_key_is_refused(client, table, refusal, attributes, message):
    code, actual = refusal(
        client.put_item, TableName=table, Item={"customer": {"S": "c"}, "order": {"N": "99"}, **attributes}
    )

    assert code == "ValidationException"
    # AWS names any one of the indexes with this key.
    assert message.partition(" IndexName")[0] == actual.partition(" IndexName")[0]


def test_an_update_to_a_wrong_index_key_is_refused(client, table, refusal):
    key = {"customer": {"S": "c"}, "order": {"N": "0"}}
    actual = refusal(
        client.update_item,
        TableName=table,
        Key=key,
        UpdateExpression="SET #s = :n",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":n": {"N": "1"}},
    )

    assert (
        "ValidationException",
        "The update expression attempted to update the secondary index key to unsupported type",
    ) == actual
    assert client.get_item(TableName=table, Key=key)["Item"]["status"] == {"S": "s0"}


def test_keys_of_several_attributes(client, make_table):
    table = make_table(
        "id:S",
        gsi={"by_place": {"hash": ("country:S", "city:S"), "range": ("year:N", "month:N")}},
    )
    for n, (city, year, month) in enumerate([("x", 1, 1), ("x", 1, 2), ("x", 2, 1), ("xy", 1, 1)]):
        client.put_item(
            TableName=table,
            Item={
                "id": {"S": str(n)},
                "country": {"S": "a"},
                "city": {"S": city},
                "year": {"N": str(year)},
                "month": {"N": str(month)},
            },
        )

    def ids(condition, **values):
        names = {name: meant for name, meant in (("#y", "year"), ("#m", "month")) if name in condition}
        answer = client.query(
            TableName=table,
            IndexName="by_place",
            KeyConditionExpression=condition,
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
            **({"ExpressionAttributeNames": names} if names else {}),
        )
        return [item["id"]["S"] for item in answer["Items"]]

    place = {"c": {"S": "a"}, "t": {"S": "x"}}
    assert ["0", "1", "2"] == ids("country = :c AND city = :t", **place)
    assert ["0", "1"] == ids("country = :c AND city = :t AND #y = :y", **place, y={"N": "1"})
    assert ["1"] == ids("country = :c AND city = :t AND #y = :y AND #m > :m", **place, y={"N": "1"}, m={"N": "1"})
    assert ["2"] == ids("country = :c AND city = :t AND #y > :y", **place, y={"N": "1"})
