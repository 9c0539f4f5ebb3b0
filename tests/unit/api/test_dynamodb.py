"""The door without a transport. What HTTP shows of it is in tests/dynamodb/test_door.py."""

import asyncio
import gzip
import json
import logging
import re
import zlib

import pytest

from magnetodb import errors
from magnetodb.api import auth
from magnetodb.api.dynamodb import (
    BODY_BYTES_MAX,
    ERROR_FORMS,
    Door,
    body_parameters,
    decompressed,
    error_response,
    new_request_id,
    operation_name,
)
from magnetodb.api.http_messages import Request
from magnetodb.operations import OPERATIONS
from magnetodb.operations.cell import Cell, Settings

AMZ_JSON = b"application/x-amz-json-1.0"
MODELED = "com.amazonaws.dynamodb.v20120810#"
SERVICE = "com.amazon.coral.service#"


def request(operation="DescribeEndpoints", body=b"{}", **headers):
    fields = {b"x-amz-target": f"DynamoDB_20120810.{operation}".encode(), b"content-type": AMZ_JSON}
    fields |= {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return Request("POST", "/", "", fields, body)


def answer(asked):
    """Of a door whose cell has no storage: enough for DescribeEndpoints."""
    settings = Settings("us-east-1", "000000000000", lambda: 0.0)
    authenticate = auth.anonymous(region="us-east-1", account_id="000000000000")
    return asyncio.run(Door({"default": Cell(None, None, settings)}, authenticate).answer(asked))


def test_an_operation_is_answered():
    response = answer(request())

    assert 200 == response.status
    assert "Endpoints" in json.loads(response.body)
    assert [
        ("x-amz-crc32", str(zlib.crc32(response.body))),
        ("Content-Type", "application/x-amz-json-1.0"),
    ] == response.headers[1:]


def test_a_bug_is_logged_with_its_trace_and_answered_as_one(caplog):
    """Here: the cell has no tables."""
    with caplog.at_level(logging.ERROR):
        response = answer(request("ListTables"))

    assert 500 == response.status
    assert {"__type": MODELED + "InternalServerError", "message": "Internal server error"} == json.loads(response.body)
    assert "AttributeError" in caplog.text


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_its_target(operation):
    assert operation == operation_name(request(operation))


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            errors.ValidationException("No."),
            400,
            {"__type": "com.amazon.coral.validate#ValidationException", "message": "No."},
        ),
        (errors.SerializationException("No."), 400, {"__type": SERVICE + "SerializationException", "Message": "No."}),
        (errors.SerializationException(), 400, {"__type": SERVICE + "SerializationException"}),
        (errors.AccessDeniedException("No."), 400, {"__type": SERVICE + "AccessDeniedException", "Message": "No."}),
        (
            errors.ConditionalCheckFailedException("No.", Item={"a": {"S": "b"}}),
            400,
            {"__type": MODELED + "ConditionalCheckFailedException", "Item": {"a": {"S": "b"}}, "message": "No."},
        ),
        (
            errors.TransactionCanceledException("No.", CancellationReasons=[]),
            400,
            {"__type": MODELED + "TransactionCanceledException", "CancellationReasons": [], "Message": "No."},
        ),
        (
            errors.ResourceNotFoundException("No."),
            400,
            {"__type": MODELED + "ResourceNotFoundException", "message": "No."},
        ),
        (errors.InternalServerError("No."), 500, {"__type": MODELED + "InternalServerError", "message": "No."}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_rendered_as_aws_renders_it(error, status, body):
    response = error_response(request(), "id", error)

    assert (status, body) == (response.status, json.loads(response.body))


def error_types(kind):
    return {kind}.union(*(error_types(below) for below in kind.__subclasses__()))


def test_every_error_has_a_form():
    """Those that are only there to group others are never raised."""
    grouping = {errors.ServiceError, errors.RequestError, errors.AuthenticationError, errors.ModeledError}
    raised = error_types(errors.ServiceError) - grouping

    assert set() == {kind for kind in raised if kind not in ERROR_FORMS and errors.ModeledError not in kind.__bases__}


def test_request_ids_are_as_long_as_those_of_aws_and_differ():
    ids = [new_request_id() for _ in range(1000)]

    assert all(re.fullmatch("[0-9A-F]{52}", request_id) for request_id in ids)
    assert 1000 == len(set(ids))


@pytest.mark.parametrize("wanted", [b"gzip", b"deflate, gzip;q=0.5"])
def test_a_large_answer_is_compressed_for_who_asks(wanted):
    error = errors.ValidationException("x" * 10_000)
    response = error_response(request(accept_encoding=wanted), "id", error)

    assert ("Content-Encoding", "gzip") in response.headers
    assert ("x-amz-crc32", str(zlib.crc32(response.body))) in response.headers
    assert "x" * 10_000 in gzip.decompress(response.body).decode()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"gzip", gzip.compress(b"{}", mtime=0)),
        (b"GZIP", gzip.compress(b"{}", mtime=0)),
        (b"deflate", zlib.compress(b"{}")),
        (b"deflate", zlib.compress(b"{}", wbits=-15)),
        (b"identity", b"{}"),
        (b"", b"{}"),
    ],
)
def test_what_a_body_is_compressed_with(encoding, body):
    assert b"{}" == decompressed(body, encoding)


def test_a_body_of_the_limit_is_inflated_and_one_byte_more_is_not():
    assert BODY_BYTES_MAX == len(decompressed(gzip.compress(bytes(BODY_BYTES_MAX)), b"gzip"))
    with pytest.raises(errors.RequestEntityTooLarge):
        decompressed(gzip.compress(bytes(BODY_BYTES_MAX + 1)), b"gzip")


def test_of_a_repeated_member_the_last_counts():
    assert {"a": 2} == body_parameters(request(body=b'{"a": 1, "a": 2}'))
