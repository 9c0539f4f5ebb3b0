"""What a front hands to a door and gets back: one request, one response, without a connection."""

import ipaddress
from typing import NamedTuple

BODY_BYTES_MAX = 16 * 1024 * 1024
"""Of a request, as it comes and again when it is decompressed. DynamoDB's own limit."""

Headers = dict[bytes, bytes]
"""Names in lower case, values without surrounding white space; values of a repeated name joined by a comma."""


class Request(NamedTuple):
    """A complete request. `query` is the part of the target behind the question mark, as it was received."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    peer: str = ""


class Response(NamedTuple):
    """A complete response. Content-Length, Date and Connection are the front's to add."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def joined_headers(fields: list[tuple[bytes, bytes]]) -> Headers:
    """Headers from names and values as they were received."""
    headers: Headers = {}
    for name, value in fields:
        name = name.lower()
        value = value.strip()
        headers[name] = headers[name] + b"," + value if name in headers else value
    return headers


def is_loopback(host: str) -> bool:
    """Only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
