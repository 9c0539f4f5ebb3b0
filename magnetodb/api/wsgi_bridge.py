"""Calls a WSGI application (PEP 3333) with a complete request, in the calling thread."""

import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from magnetodb.api.http_messages import Headers, Request, Response

_NOT_PREFIXED = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def call_application(application: Callable[..., Iterable[bytes]], request: Request) -> Response:
    """The application's whole response. Content-Length is left to the front."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[..., None]:
        started[:] = [int(status[:3]), [header for header in headers if header[0].lower() != "content-length"]]
        return parts.append

    parts: list[bytes] = []
    result = application(environ(request), start_response)
    try:
        parts.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    status, headers = started
    return Response(status, headers, b"".join(parts))


def environ(request: Request) -> dict[str, Any]:
    """The request as WSGI has it."""
    host, _, port = request.headers.get(b"host", b"localhost").decode("latin-1").partition(":")
    result: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if b"_" not in name:  # It would be the same key as the name with hyphens.
            key = _NOT_PREFIXED.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
            result[key] = value.decode("latin-1")
    result["CONTENT_LENGTH"] = str(len(request.body))
    return result


def headers_of(environ: dict[str, Any]) -> Headers:
    """The other way round: the headers of a WSGI request."""
    headers: Headers = {}
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            headers[key[5:].lower().replace("_", "-").encode("latin-1")] = value.strip(" \t").encode("latin-1")
    for header, key in _NOT_PREFIXED.items():
        if environ.get(key):
            headers[header] = environ[key].encode("latin-1")
    return headers
