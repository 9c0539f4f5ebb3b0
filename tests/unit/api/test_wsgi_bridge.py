"""The bridge, against the checker of the standard library."""

from wsgiref.validate import validator

import pytest

from magnetodb.api.http_messages import Request
from magnetodb.api.wsgi_bridge import call_application, environ, headers_of

HEADERS = {b"host": b"127.0.0.1:8480", b"x-amz-target": b"a.b", b"content-type": b"text/plain", b"content-length": b"4"}


def request(**parts):
    return Request("POST", "/a%20b", "c=d", HEADERS, b"body")._replace(**parts)


def test_the_application_gets_the_request_as_the_standard_says():
    seen = {}

    def application(given, start_response):
        seen.update(given, body=given["wsgi.input"].read(4))
        start_response("201 Created", [("Content-Type", "text/plain")])
        return [b"an", b"swer"]

    response = call_application(validator(application), request(query="c=d"))

    assert (201, [("Content-Type", "text/plain")], b"answer") == tuple(response)
    assert ("POST", "/a b", "c=d", b"body") == tuple(
        seen[key] for key in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "body")
    )


def test_headers_survive_the_way_there_and_back():
    assert HEADERS == headers_of(environ(request()))


def test_a_name_with_underscores_cannot_pose_as_one_with_hyphens():
    assert "HTTP_X_AMZ_TARGET" not in environ(request(headers={b"x_amz_target": b"forged"}))


def test_an_iterable_is_closed_also_when_it_fails():
    class Broken:
        closed = False

        def __iter__(self):
            raise OSError

        def close(self):
            self.closed = True

    broken = Broken()

    def application(given, start_response):
        start_response("200 OK", [])
        return broken

    with pytest.raises(OSError):  # noqa: PT011
        call_application(application, request())

    assert broken.closed
