"""The falcon application by itself. That both fronts answer alike is tested in tests/dynamodb/test_door.py."""

import json

import pytest
from webtest import TestApp

from magnetodb.api.app import create_app
from magnetodb.api.http_messages import Response


class Recorder:
    """A core that keeps what it is asked."""

    def __init__(self):
        self.requests = []

    def answer(self, request):
        self.requests.append(request)
        return Response(200, [("x-amzn-RequestId", "id"), ("Content-Type", "application/json")], b"{}")


class Stuck:
    """A core that does not answer in time."""

    def answer(self, request):
        raise TimeoutError


@pytest.fixture
def core():
    return Recorder()


@pytest.fixture
def app(core):
    return TestApp(create_app(core, region="us-east-1"))


def test_the_core_gets_the_request_as_it_came(app, core):
    response = app.post("/?a=%20b", b"{}", {"X-Amz-Target": "DynamoDB_20120810.GetItem", "Accept-Encoding": "gzip"})

    request = core.requests[0]
    assert ("POST", "/", "a=%20b", b"{}") == (request.method, request.path, request.query, request.body)
    assert b"DynamoDB_20120810.GetItem" == request.headers[b"x-amz-target"]
    assert b"2" == request.headers[b"content-length"]
    assert ("id", "application/json", b"{}") == (
        response.headers["x-amzn-RequestId"],
        response.headers["Content-Type"],
        response.body,
    )


def test_an_answer_that_does_not_come_is_an_error_that_is_tried_again():
    response = TestApp(create_app(Stuck(), region="us-east-1")).post("/", b"{}", status=500)

    assert json.loads(response.body)["__type"].endswith("#InternalServerError")


@pytest.mark.parametrize("path", ["/", "/healthcheck"])
def test_health(app, path):
    response = app.get(path)

    assert (b"healthy: dynamodb.us-east-1.amazonaws.com ", "text/plain") == (response.body, response.content_type)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/tables", 404), ("POST", "/x", 404), ("PUT", "/", 405), ("DELETE", "/healthcheck", 405)],
)
def test_everything_else_is_refused_in_the_same_form(app, method, path, status):
    response = app.request(path, method=method, status=status)

    assert "com.amazon.coral.service#UnknownOperationException" == json.loads(response.body)["__type"]
    assert "application/x-amz-json-1.0" == response.content_type


def test_a_body_over_the_limit_does_not_reach_the_core(app, core):
    response = app.post("/", b" " * (16 * 1024 * 1024 + 1), status=413)

    assert json.loads(response.body)["__type"].endswith("#RequestEntityTooLarge")
    assert [] == core.requests
