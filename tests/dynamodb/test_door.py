"""The door as HTTP shows it: targets, bodies, headers, error forms. Operations have their own files."""

import gzip
import json
import re
import zlib

import pytest
from botocore.exceptions import ClientError

AMZ_JSON = "application/x-amz-json-1.0"
MIB = 1024 * 1024


def error_of(body):
    """(__type without prefix, message)."""
    document = json.loads(body)
    return document["__type"].partition("#")[2], document.get("message", document.get("Message"))


def test_boto3_lists_tables(client):
    assert 200 == client.list_tables()["ResponseMetadata"]["HTTPStatusCode"]


def test_an_answer_has_the_headers_of_dynamodb(wire):
    status, headers, body = wire.exchange(wire.request())

    assert 200 == status
    assert AMZ_JSON == headers["content-type"]
    assert str(zlib.crc32(body)) == headers["x-amz-crc32"]
    assert re.fullmatch("[0-9A-Z]{52}", headers["x-amzn-requestid"])
    assert str(len(body)) == headers["content-length"]
    assert "date" in headers


def test_request_ids_differ(wire):
    ids = {wire.exchange(wire.request())[1]["x-amzn-requestid"] for _ in range(5)}

    assert 5 == len(ids)


def test_plain_json_is_answered_as_plain_json(wire):
    status, headers, _ = wire.exchange(wire.request(Content_Type="application/json"))

    assert (200, "application/json") == (status, headers["content-type"])


@pytest.mark.parametrize("content_type", [f"{AMZ_JSON}; charset=utf-8", "Application/X-Amz-Json-1.0"])
def test_parameters_and_case_of_the_content_type_do_not_matter(wire, content_type):
    assert 200 == wire.exchange(wire.request(Content_Type=content_type))[0]


@pytest.mark.parametrize("target", ["DynamoDB_20120810.Nothing", "DynamoDB_20120810.", "ListTables", "", "DynamoDB.x"])
def test_an_unknown_target(wire, target):
    status, _, body = wire.exchange(wire.request(X_Amz_Target=target))

    assert 400 == status
    assert "com.amazon.coral.service#UnknownOperationException" == json.loads(body)["__type"]


def test_an_operation_that_is_not_served_says_so(wire):
    status, _, body = wire.exchange(wire.request("CreateBackup"))

    assert 400 == status
    assert ("UnknownOperationException", "The operation CreateBackup is not served here.") == error_of(body)


@pytest.mark.parametrize("target", [None, "", "DynamoDB_20120810.Nothing"])
def test_the_body_is_read_before_the_operation_is_looked_for(wire, target):
    no_json = wire.exchange(wire.request(X_Amz_Target=target, body=b"nonsense"))
    json_object = wire.exchange(wire.request(X_Amz_Target=target, body=b"{}"))

    assert (400, "SerializationException") == (no_json[0], error_of(no_json[2])[0])
    assert (400, "UnknownOperationException") == (json_object[0], error_of(json_object[2])[0])


@pytest.mark.parametrize("missing", [{"Content_Type": None}, {"Content_Type": "text/html"}])
def test_a_request_that_is_not_of_the_protocol(wire, missing):
    status, _, body = wire.exchange(wire.request(**missing))

    assert (404, "UnknownOperationException") == (status, error_of(body)[0])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}{}",
        b"nonsense",
        b'{"Limit": NaN}',
        b'{"Limit": Infinity}',
        b'{"ExclusiveStartTableName": "\xff"}',
        b'{"ExclusiveStartTableName": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b'{"Limit": 01}',
        b'{"a": ' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a": ' * 2000 + b"1" + b"}" * 2000,
        b"{'Limit': 1}",
        b'{"Limit": 1,}',
        b"[]",
        b'"text"',
        b"1",
        b"null",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_no_json_object(wire, body):
    status, headers, answer = wire.exchange(wire.request(body=body))

    assert 400 == status
    assert "com.amazon.coral.service#SerializationException" == json.loads(answer)["__type"]
    assert str(zlib.crc32(answer)) == headers["x-amz-crc32"]


def test_a_list_where_the_request_should_be(wire):
    answer = wire.exchange(wire.request(body=b"[]"))[2]

    assert ("SerializationException", "Start of list found where not expected") == error_of(answer)


def test_of_a_member_that_is_given_twice_the_last_counts(wire):
    """AWS does not say; so do most JSON parsers."""
    assert 200 == wire.exchange(wire.request(body=b'{"Limit": 0, "Limit": 1}'))[0]
    assert 400 == wire.exchange(wire.request(body=b'{"Limit": 1, "Limit": 0}'))[0]


@pytest.mark.parametrize("number", ["9" * 10_000, "1e400", "-1e999", "18446744073709551616", "1.5"])
def test_numbers_beyond_every_integer_are_refused(wire, number):
    status, _, body = wire.exchange(wire.request(body=b'{"Limit": %s}' % number.encode()))

    assert 400 == status
    assert error_of(body)[0] in ("SerializationException", "ValidationException")


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("identity", bytes),
    ],
)
def test_a_compressed_body_is_read(wire, encoding, compress):
    assert 200 == wire.exchange(wire.request(body=compress(b'{"Limit": 1}'), Content_Encoding=encoding))[0]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
@pytest.mark.parametrize("body", [b"", b"{}", gzip.compress(b"{}" * 100, mtime=0)[:-9]])
def test_a_body_that_is_not_compressed_as_it_says(wire, encoding, body):
    status, _, answer = wire.exchange(wire.request(body=body, Content_Encoding=encoding))

    assert (400, "SerializationException") == (status, error_of(answer)[0])


@pytest.mark.parametrize("size", [16 * MIB + 1, 200 * MIB])
def test_a_body_that_inflates_beyond_the_limit_is_refused(wire, size):
    status, _, answer = wire.exchange(wire.request(body=gzip.compress(bytes(size), mtime=0), Content_Encoding="gzip"))

    assert (413, "RequestEntityTooLarge") == (status, error_of(answer)[0])


def test_a_body_over_16_mb_is_refused(wire):
    status, _, answer = wire.exchange(wire.request(body=b" " * (16 * MIB + 1)))

    assert (413, "RequestEntityTooLarge") == (status, error_of(answer)[0])


def test_a_body_of_16_mb_is_read(wire):
    assert 200 == wire.exchange(wire.request(body=b"{}" + b" " * (16 * MIB - 2)))[0]


def test_a_large_answer_is_compressed_when_asked(wire, client, create_table):
    """The checksum is of the bytes sent."""
    name = create_table()
    item = {"pk": {"S": "a"}, "sk": {"S": "b"}, "text": {"S": "x" * 10_000}}
    client.put_item(TableName=name, Item=item)
    body = json.dumps({"TableName": name, "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}}}).encode()

    plain = wire.exchange(wire.request("GetItem", body))
    compressed = wire.exchange(wire.request("GetItem", body, Accept_Encoding="deflate, gzip"))

    assert "content-encoding" not in plain[1]
    assert "gzip" == compressed[1]["content-encoding"]
    assert str(zlib.crc32(compressed[2])) == compressed[1]["x-amz-crc32"]
    assert item == json.loads(gzip.decompress(compressed[2]))["Item"] == json.loads(plain[2])["Item"]


def test_a_small_answer_is_not_compressed(wire):
    assert "content-encoding" not in wire.exchange(wire.request(Accept_Encoding="gzip"))[1]


@pytest.mark.parametrize("path", ["/", "/healthcheck"])
def test_health(wire, path):
    status, _, body = wire.exchange(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())

    assert (200, b"healthy: dynamodb.us-east-1.amazonaws.com ") == (status, body)


def test_a_web_page_may_read_the_answer(wire):
    headers = wire.exchange(wire.request(Origin="https://example.org"))[1]

    assert "*" == headers["access-control-allow-origin"]
    assert "x-amzn-requestid" in headers["access-control-expose-headers"].lower()


def test_without_an_origin_nothing_is_said_to_web_pages(wire):
    assert "access-control-allow-origin" not in wire.exchange(wire.request())[1]


def test_a_browser_may_ask_what_it_may_send(wire):
    status, headers, body = wire.exchange(
        b"OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://example.org\r\nAccess-Control-Request-Method: POST\r\n"
        b"Access-Control-Request-Headers: x-amz-target,authorization\r\n\r\n"
    )

    assert (200, b"") == (status, body)
    assert ("*", "POST", "x-amz-target,authorization", "172800") == tuple(
        headers[f"access-control-{name}"] for name in ("allow-origin", "allow-methods", "allow-headers", "max-age")
    )


@pytest.mark.parametrize(
    "line",
    ["GET /nothing", "POST /nothing", "PUT /", "DELETE /", "PATCH /healthcheck", "GET //", "GET /%00", "GET /?a=%ff"],
)
def test_everything_else_is_a_clear_client_error_or_health(wire, line):
    status, _, body = wire.exchange(f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())

    assert (status == 200 and body.startswith(b"healthy")) or (400 <= status < 500 and b"__type" in body)


def test_error_forms_reach_boto3(client):
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_table(TableName="nothing-here")
    with pytest.raises(ClientError, match="ValidationException"):
        client.list_tables(Limit=1, ExclusiveStartTableName="a/b")


COMPARED = {
    "ListTables": {},
    "unknown operation": {"X_Amz_Target": "DynamoDB_20120810.Nothing"},
    "no target": {"X_Amz_Target": None},
    "no JSON": {"body": b"{"},
    "no object": {"body": b"[]"},
    "wrong type": {"body": b'{"Limit": "x"}'},
    "invalid": {"body": b'{"Limit": 0}'},
    "no table": {"operation": "DescribeTable", "body": b'{"TableName": "nothing-here"}'},
    "gzip": {"body": gzip.compress(b"{}", mtime=0), "Content_Encoding": "gzip"},
    "not gzip": {"body": b"{}", "Content_Encoding": "gzip"},
    "too large": {"body": b" " * (16 * MIB + 1)},
    "web page": {"Origin": "https://example.org"},
    "plain JSON": {"Content_Type": "application/json"},
    "CreateBackup": {"operation": "CreateBackup"},
}
DIFFERENT = ("date", "server", "connection", "x-amzn-requestid")
"""Headers that the fronts have of their own, or that differ each time."""


@pytest.mark.parametrize("case", COMPARED)
def test_both_fronts_answer_alike(wires, case):
    answers = []
    for wire in wires.values():
        status, headers, body = wire.exchange(wire.request(**COMPARED[case]))
        answers.append((status, {name: headers[name] for name in headers if name not in DIFFERENT}, body))

    assert answers[0] == answers[1]


@pytest.mark.parametrize("line", ["GET /", "GET /healthcheck", "GET /nothing", "PUT /", "HEAD /", "OPTIONS /"])
def test_both_fronts_answer_other_paths_alike(wires, line):
    answers = []
    for wire in wires.values():
        with wire.connect() as connection:
            connection.sendall(f"{line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            status, headers, body = wire.read(connection, method=line.split()[0])
        headers.pop("content-length", None)
        answers.append((status, {name: headers[name] for name in headers if name not in DIFFERENT}, body))

    assert answers[0] == answers[1]
