"""Malformed requests of every kind: each is answered with 200 or 400 and DynamoDB's error, never a 500, never a hang;
a request that was refused has written nothing. MAGNETODB_TEST_FUZZ=20 tries twenty times as many.
"""

import functools
import http.client
import json
import os
import socket
from urllib.parse import urlsplit

import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magnetodb.policies import READ_OPERATIONS

# On a cluster each one that writes makes its table anew, which takes seconds.
EXAMPLES = (8 if "MAGNETODB_TEST_CASSANDRA" in os.environ else 150) * int(os.environ.get("MAGNETODB_TEST_FUZZ", "1"))
ANSWER_SECONDS_MAX = 20
TABLE = "fuzzed"
KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
ITEM = {
    **KEY,
    "gk": {"S": "g"},
    "list": {"L": [{"S": "x"}, {"M": {"deep": {"NS": ["1", "2"]}}}]},
    "binary": {"B": "AAEC"},
    "set": {"SS": ["red", "blue"]},
    "number": {"N": "12.5"},
    "null": {"NULL": True},
    "bool": {"BOOL": False},
}
CREATE_TABLE = {
    "TableName": TABLE,
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
        {"AttributeName": "gk", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_gk",
            "KeySchema": [{"AttributeName": "gk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["number"]},
        }
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by_pk_gk",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "gk", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
ARN = f"arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}"
NAMES = {"#n": "number", "#l": "list", "#s": "set"}
VALUES = {":n": {"N": "3"}, ":s": {"SS": ["red"]}, ":x": {"S": "x"}}
REQUESTS = [
    ("CreateTable", CREATE_TABLE),
    ("CreateTable", {**CREATE_TABLE, "TableName": "other"}),
    ("UpdateTable", {"TableName": TABLE, "DeletionProtectionEnabled": False, "BillingMode": "PAY_PER_REQUEST"}),
    ("DescribeTable", {"TableName": TABLE}),
    ("ListTables", {"Limit": 10, "ExclusiveStartTableName": "aaa"}),
    ("DeleteTable", {"TableName": "other"}),
    ("PutItem", {"TableName": TABLE, "Item": ITEM, "ReturnValues": "ALL_OLD", "ReturnConsumedCapacity": "INDEXES"}),
    (
        "PutItem",
        {
            "TableName": TABLE,
            "Item": ITEM,
            "ConditionExpression": "attribute_not_exists(pk) OR (size(#l) > :n AND NOT contains(#s, :x))",
            "ExpressionAttributeNames": {"#l": "list", "#s": "set"},
            "ExpressionAttributeValues": {":n": {"N": "3"}, ":x": {"S": "x"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    ("PutItem", {"TableName": TABLE, "Item": ITEM, "Expected": {"number": {"Exists": False}}}),
    ("GetItem", {"TableName": TABLE, "Key": KEY, "ProjectionExpression": "pk, list[1].deep", "ConsistentRead": True}),
    ("GetItem", {"TableName": TABLE, "Key": KEY, "AttributesToGet": ["pk", "number"]}),
    (
        "UpdateItem",
        {
            "TableName": TABLE,
            "Key": KEY,
            "UpdateExpression": "SET #n = if_not_exists(#n, :n) + :n, #l = list_append(#l, #l) DELETE #s :s REMOVE gk",
            "ConditionExpression": "attribute_exists(pk) AND #n BETWEEN :n AND :n",
            "ExpressionAttributeNames": NAMES,
            "ExpressionAttributeValues": {":n": {"N": "3"}, ":s": {"SS": ["red"]}},
            "ReturnValues": "UPDATED_NEW",
        },
    ),
    (
        "UpdateItem",
        {
            "TableName": TABLE,
            "Key": KEY,
            "AttributeUpdates": {"number": {"Action": "ADD", "Value": {"N": "1"}}, "gk": {"Action": "DELETE"}},
        },
    ),
    (
        "DeleteItem",
        {"TableName": TABLE, "Key": KEY, "ConditionExpression": "pk = :x", "ExpressionAttributeValues": VALUES},
    ),
    (
        "Query",
        {
            "TableName": TABLE,
            "KeyConditionExpression": "pk = :p AND sk BETWEEN :n AND :n",
            "FilterExpression": "begins_with(gk, :p) AND attribute_type(#n, :t) AND #n IN (:n, :p)",
            "ExpressionAttributeNames": {"#n": "number"},
            "ExpressionAttributeValues": {":p": {"S": "a"}, ":n": {"N": "1"}, ":t": {"S": "N"}},
            "ScanIndexForward": False,
            "Limit": 2,
            "ExclusiveStartKey": KEY,
        },
    ),
    (
        "Query",
        {
            "TableName": TABLE,
            "IndexName": "by_gk",
            "KeyConditions": {"gk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "g"}]}},
            "QueryFilter": {"number": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "1"}]}},
            "ExclusiveStartKey": {**KEY, "gk": {"S": "g"}},
        },
    ),
    ("Scan", {"TableName": TABLE, "Segment": 0, "TotalSegments": 2, "Select": "COUNT", "Limit": 5}),
    ("Scan", {"TableName": TABLE, "IndexName": "by_pk_gk", "Select": "ALL_ATTRIBUTES"}),
    ("TagResource", {"ResourceArn": ARN, "Tags": [{"Key": "owner", "Value": "ada"}, {"Key": "stage", "Value": ""}]}),
    ("ListTagsOfResource", {"ResourceArn": ARN, "NextToken": "YWZ0ZXI6b3duZXI="}),
    ("UntagResource", {"ResourceArn": ARN, "TagKeys": ["owner", "stage"]}),
    ("UpdateTimeToLive", {"TableName": TABLE, "TimeToLiveSpecification": {"AttributeName": "never", "Enabled": True}}),
    ("DescribeTimeToLive", {"TableName": TABLE}),
    ("DescribeLimits", {}),
    ("DescribeEndpoints", {}),
    ("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [KEY], "ProjectionExpression": "pk, list[0]"}}}),
    (
        "BatchWriteItem",
        {
            "RequestItems": {
                TABLE: [
                    {"PutRequest": {"Item": {**ITEM, "sk": {"N": "2"}}}},
                    {"PutRequest": {"Item": {**ITEM, "sk": {"N": "3"}, "gk": {"S": "h"}}}},
                    {"DeleteRequest": {"Key": KEY}},
                ]
            },
            "ReturnConsumedCapacity": "TOTAL",
        },
    ),
    (
        "TransactWriteItems",
        {
            "TransactItems": [
                {
                    "Put": {
                        "TableName": TABLE,
                        "Item": {**ITEM, "sk": {"N": "2"}},
                        "ConditionExpression": "attribute_not_exists(pk) OR size(pk) > :n",
                        "ExpressionAttributeValues": {":n": {"N": "0"}},
                    }
                },
                {
                    "Update": {
                        "TableName": TABLE,
                        "Key": KEY,
                        "UpdateExpression": "SET #n = #n + :n",
                        "ExpressionAttributeNames": {"#n": "number"},
                        "ExpressionAttributeValues": {":n": {"N": "3"}},
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    }
                },
                {"Delete": {"TableName": TABLE, "Key": {**KEY, "sk": {"N": "3"}}}},
                {
                    "ConditionCheck": {
                        "TableName": TABLE,
                        "Key": {**KEY, "sk": {"N": "4"}},
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ],
            "ReturnConsumedCapacity": "INDEXES",
            "ClientRequestToken": "token",
        },
    ),
    (
        "TransactGetItems",
        {"TransactItems": [{"Get": {"TableName": TABLE, "Key": KEY, "ProjectionExpression": "pk, list[1].deep"}}]},
    ),
    ("TagResource", {"ResourceArn": ARN, "Tags": [{"Key": "owner", "Value": "x"}]}),
]
"""Requests that DynamoDB accepts, or would but for the state of the table: what is mutated."""

TEXTS = [
    *(
        "",
        " ",
        "a",
        "g",
        TABLE,
        "other",
        "by_gk",
        "by_pk_gk",
        "pk",
        "sk",
        "gk",
        "#n",
        ":n",
        "number",
        "list",
        "NONE",
        "ALL",
    ),
    *(
        "0",
        "-0",
        "1e400",
        "1E-200",
        "NaN",
        "Infinity",
        "1_0",
        "٣",
        "9" * 39,
        "AAE",
        "====",
        "\x00",
        "\ud800",
        "é",
        "x" * 300,
    ),
    "a" * 70_000,
    ARN,
    "((((((" * 100 + "a" + "))))))" * 100,
    "NOT " * 400 + "a = :n",
    " OR ".join(["a = :n"] * 500),
    "a" + "[0]" * 60,
    "a" + ".b" * 60,
    "pk = :n AND sk = :n AND",
    "SET a = a + a - a",
    "attribute_exists(pk) and size(",
    "a[99999999999999999999]",
    "ADD number :n SET number = :n",
]
texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=8))
numbers = st.one_of(
    st.sampled_from([0, -1, 1, 2, 1000, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, 1e300, float("nan"), float("inf")]),
    st.integers(-3, 30),
)
attribute_values = st.one_of(
    st.sampled_from(list(ITEM.values())),
    st.sampled_from([{}, {"S": 1}, {"N": 1}, {"N": "x"}, {"S": "a", "N": "1"}, {"SS": []}, {"NS": ["1", "1.0"]}]),
    st.sampled_from([{"B": "*"}, {"NULL": False}, {"BOOL": "true"}, {"L": {}}, {"M": []}, {"X": "1"}, {"S": None}]),
    st.integers(1, 400).map(lambda depth: functools.reduce(lambda inner, _: {"L": [inner]}, range(depth), {"S": "x"})),
    st.dictionaries(st.sampled_from(["S", "N", "B", "SS", "BS"]), texts | st.lists(texts, max_size=3), max_size=2),
)
anything = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    texts,
    attribute_values,
    st.lists(st.one_of(texts, numbers, attribute_values), max_size=3),
    st.dictionaries(texts, st.one_of(texts, numbers, attribute_values), max_size=3),
)


def positions(value, path=()):
    """The path of every value inside a JSON value, itself first."""
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from positions(member, (*path, name))
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from positions(member, (*path, index))


def replaced(value, path, new):
    """The same JSON value with another one at `path`."""
    if not path:
        return new
    step, *rest = path
    members = dict(value) if isinstance(value, dict) else list(value)
    members[step] = replaced(value[step], rest, new)
    return members


@st.composite
def wrong_values(draw):
    """A real request with one to three values replaced."""
    operation, request = draw(st.sampled_from(REQUESTS))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(positions(request))))
        request = replaced(request, path, draw(anything))
    return operation, json.dumps(request).encode()


PIECES = [
    b"",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
]
PIECES += [b"null", b"true", b"NaN", b"-0", b"1e999", b"0" * 500, b"9" * 5000, b'{"S":"x"}', b"\xef\xbb\xbf", b"//"]
PIECES += [b"[" * 5000, b'{"L":[' * 5000, b'{"a":' * 5000, b'"TableName":"fuzzed",', b'"Item":{},', b'"Key":{}', b"#x"]
PIECES += [b" AND ", b"(", b")", b":n", b"\n", b"\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]


def mutated(data, mutations):
    """Cut out `length` bytes at each place (a share of the length) and put a piece there."""
    for place, length, piece in mutations:
        start = int(place * len(data))
        data = data[:start] + piece + data[start + length :]
    return data


mutations = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.one_of(st.just(0), st.integers(0, 4), st.integers(0, 200)),
        st.sampled_from(PIECES) | st.binary(max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def wrong_bytes(draw):
    """A real request whose body has bytes inserted, removed or replaced."""
    operation, request = draw(st.sampled_from(REQUESTS))
    return operation, mutated(json.dumps(request).encode(), draw(mutations))


@functools.cache
def service_model():
    return botocore.session.get_session().get_service_model("dynamodb")


@st.composite
def by_shape(draw):
    """Any operation, with members as botocore declares them and values that mostly fit."""
    operation = draw(st.sampled_from([*{name for name, _ in REQUESTS}, *service_model().operation_names]))
    shape = service_model().operation_model(operation).input_shape
    return operation, json.dumps(draw_shape(draw, shape, 0)).encode()


DEPTH_MAX = 6


def draw_shape(draw, shape, depth):
    if draw(st.integers(0, 40)) == 0 or depth > DEPTH_MAX:
        return draw(anything)
    match shape.type_name:
        case "structure" if shape.name == "AttributeValue":
            return draw(attribute_values)
        case "structure":
            members = shape.members.items()
            chosen = [name for name, _ in members if name in shape.required_members or draw(st.integers(0, 3)) == 0]
            return {name: draw_shape(draw, shape.members[name], depth + 1) for name in chosen}
        case "list":
            return [draw_shape(draw, shape.member, depth + 1) for _ in range(draw(st.integers(0, 2)))]
        case "map":
            names = draw(st.lists(st.sampled_from(["pk", "sk", "gk", "number", "#n", ":n", TABLE, ""]), max_size=3))
            return {name: draw_shape(draw, shape.value, depth + 1) for name in names}
        case "string":
            return draw(st.sampled_from(shape.enum) if shape.enum else texts)
        case "boolean":
            return draw(st.booleans())
        case "integer" | "long" | "double" | "timestamp":
            return draw(numbers)
        case _:
            return draw(texts)


class Fuzzed:
    """A server, and its table as the last accepted request left it."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.connection = http.client.HTTPConnection(*self.address, timeout=ANSWER_SECONDS_MAX)
        self.prepare()

    def send(self, operation, body):
        """(status, body)"""
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        self.connection.request("POST", "/", body, headers)
        response = self.connection.getresponse()
        return response.status, response.read()

    def ask(self, operation, request):
        """The answer of a request that must be right."""
        status, body = self.send(operation, json.dumps(request).encode())

        assert 200 == status, body
        return json.loads(body)

    def prepare(self):
        """Only the one table, with one item."""
        for name in self.ask("ListTables", {})["TableNames"]:
            self.ask("UpdateTable", {"TableName": name, "DeletionProtectionEnabled": False})
            self.ask("DeleteTable", {"TableName": name})
        self.ask("CreateTable", CREATE_TABLE)
        while self.ask("DescribeTable", {"TableName": TABLE})["Table"]["TableStatus"] != "ACTIVE":
            pass
        self.ask("PutItem", {"TableName": TABLE, "Item": ITEM})
        self.written = self.contents()

    def contents(self):
        """All that a request could write."""
        tables = self.ask("ListTables", {})["TableNames"]
        scans = [{"TableName": TABLE}, *({"TableName": TABLE, "IndexName": name} for name in ("by_gk", "by_pk_gk"))]
        return [
            tables,
            [self.ask("DescribeTable", {"TableName": name}) for name in tables],
            [self.ask("Scan", scan) for scan in scans] if TABLE in tables else None,
        ]

    def check(self, operation, body):
        """Send it; check the answer's form, and what was written."""
        status, answer = self.send(operation, body)

        assert status in (200, 400), answer
        if status == 400:
            error = json.loads(answer)
            assert "#" in error["__type"]
            if operation not in READ_OPERATIONS:
                assert self.written == self.contents()
        elif operation not in READ_OPERATIONS:
            self.prepare()


@pytest.fixture(scope="module")
def fuzzed(ours, front, module_server):
    server = Fuzzed(module_server(front).url)
    yield server
    server.connection.close()


bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@bounded
@given(request=wrong_values())
def test_wrong_values_are_answered_and_write_nothing(fuzzed, request):
    fuzzed.check(*request)


@bounded
@given(request=wrong_bytes())
def test_wrong_bytes_in_a_body_are_answered_and_write_nothing(fuzzed, request):
    fuzzed.check(*request)


@bounded
@given(request=by_shape())
def test_any_members_that_a_shape_allows_are_answered_and_write_nothing(fuzzed, request):
    fuzzed.check(*request)


@settings(bounded, max_examples=EXAMPLES // 2)
@given(request=st.sampled_from(REQUESTS), mutations=mutations)
def test_wrong_bytes_anywhere_in_a_request_never_make_the_server_fail(fuzzed, wire, request, mutations):
    """The headers too: the answer may be any refusal, or a closed connection."""
    operation, members = request
    data = mutated(wire.request(operation, json.dumps(members).encode(), Connection="close"), mutations)

    assert statuses(fuzzed.address, data) <= {*range(200, 500), 501, 505}
    fuzzed.prepare()


def statuses(address, data):
    """The status codes that are answered to bytes, until the server closes the connection."""
    answer = b""
    with socket.create_connection(address, timeout=ANSWER_SECONDS_MAX) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass
    return {int(answer[9:12])} if answer.startswith(b"HTTP/1.") else set()
