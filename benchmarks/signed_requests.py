"""Requests of DynamoDB's protocol as bytes, signed by AWS's Signature Version 4; and a plain client that sends one.

Signing here costs a tenth of what botocore takes, which lets a load have 100,000 different requests.
"""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from hmac import digest
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.sample_items import Body, Sample

ACCESS_KEY: Final = "test"
SECRET_KEY: Final = "test"
REGION: Final = "us-east-1"

CONTENT_TYPE: Final = "application/x-amz-json-1.0"
SIGNED_HEADERS: Final = "content-type;host;x-amz-date;x-amz-target"

CALL_SECONDS_MAX: Final = 60
CALL_ATTEMPTS_MAX: Final = 100
RETRY_SECONDS: Final = 0.05
FILLERS: Final = 4
"""Connections that fill a table side by side."""

FILL_BATCHES_AHEAD: Final = 64
RETRIED: Final = ("ThrottlingException", "ProvisionedThroughputExceededException", "LimitExceededException")


class CallFailed(Exception):
    """A request got an error for an answer."""


def headers_of(host: str, operation: str, body: bytes, now: float | None = None) -> dict[str, str]:
    """The headers of a request that is signed now (or at `now`): good for 15 minutes."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    target = f"DynamoDB_20120810.{operation}"
    canonical = (
        f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{stamp}\nx-amz-target:{target}\n\n"
        f"{SIGNED_HEADERS}\n{sha256(body).hexdigest()}"
    )
    scope = f"{stamp[:8]}/{REGION}/dynamodb/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = digest(signing_key(stamp[:8]), to_sign.encode(), "sha256").hex()
    return {
        "Host": host,
        "Content-Type": CONTENT_TYPE,
        "X-Amz-Date": stamp,
        "X-Amz-Target": target,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, "
        f"SignedHeaders={SIGNED_HEADERS}, Signature={signature}",
    }


@lru_cache(maxsize=4)
def signing_key(day: str) -> bytes:
    """The key of a day."""
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (day, REGION, "dynamodb", "aws4_request"):
        key = digest(key, part.encode(), "sha256")
    return key


def encoded(body: Body) -> bytes:
    """JSON without spaces, as clients send it."""
    return json.dumps(body, separators=(",", ":")).encode()


def raw_request(host: str, operation: str, body: Body) -> bytes:
    """The whole request as it goes over the wire."""
    data = encoded(body)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers_of(host, operation, data).items()])
    return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(data)}\r\n\r\n".encode() + data


class Endpoint:
    """One kept connection, for one thread."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self._connection: http.client.HTTPConnection | None = None

    def call(self, operation: str, body: Body) -> dict[str, Any]:
        """The answer. Waits and tries again where the server is busy. Raises CallFailed, OSError."""
        for _ in range(CALL_ATTEMPTS_MAX):
            status, answer = self._send(operation, encoded(body))
            if status == 200:
                found: dict[str, Any] = json.loads(answer)
                return found
            kind = str(json.loads(answer or b"{}").get("__type", "")).rpartition("#")[2]
            if kind not in RETRIED:
                break
            time.sleep(RETRY_SECONDS)
        raise CallFailed(f"{operation}: {status} {answer[:300]!r}")

    def create(self, sample: Sample) -> None:
        """Make the table, and wait until it can be used."""
        self.call("CreateTable", sample.create_table())
        self.wait_active(sample.table)

    def wait_active(self, table: str) -> None:
        """Wait until the table can be used."""
        while self.call("DescribeTable", {"TableName": table})["Table"]["TableStatus"] != "ACTIVE":
            time.sleep(RETRY_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, operation: str, data: bytes) -> tuple[int, bytes]:
        headers = headers_of(self.host, operation, data)
        for last in (False, True):  # A server may have closed a connection that was idle.
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self.host, timeout=CALL_SECONDS_MAX)
            try:
                self._connection.request("POST", "/", data, headers)
                response = self._connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException):
                self.close()
                if last:
                    raise
        raise AssertionError


def fill(url: str, sample: Sample, size: int) -> float:
    """Store all items of a table, over several connections. Returns the items stored in a second."""
    began = time.perf_counter()
    endpoints = [Endpoint(url) for _ in range(FILLERS)]
    batches = sample.batches(size)

    def send(endpoint: Endpoint, body: Body) -> None:
        requests = body["RequestItems"]
        while requests:
            requests = endpoint.call("BatchWriteItem", {"RequestItems": requests}).get("UnprocessedItems")

    def send_all(endpoint: Endpoint, mine: list[Body]) -> None:
        for body in mine:
            send(endpoint, body)

    with ThreadPoolExecutor(FILLERS) as pool:
        while ahead := list(islice(batches, FILL_BATCHES_AHEAD)):
            list(pool.map(send_all, endpoints, [ahead[place::FILLERS] for place in range(FILLERS)]))
    for endpoint in endpoints:
        endpoint.close()
    return sample.items / (time.perf_counter() - began)
