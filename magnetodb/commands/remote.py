"""A server that is asked over HTTP: the least of a client, with signatures, on a few connections."""

import http.client
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from random import random
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from magnetodb.api.http_messages import Request
from magnetodb.api.signature import ALGORITHM, SERVICE, TERMINATOR, Claim, Credential, signature, timestamp_of
from magnetodb.commands.arguments import CommandError
from magnetodb.errors import ServiceError

ANSWER_SECONDS_MAX: Final = 60.0
ATTEMPTS_MAX: Final = 10
CONNECTIONS: Final = 8
PAUSE_SECONDS_MAX: Final = 5.0
"""The pause before the second attempt is up to 0.1 s, and doubles up to this."""

RETRIED: Final = ("ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded")

CONTENT_TYPE: Final = "application/x-amz-json-1.0"


class Remote:
    """Operations of the server at `url`, signed with the credentials of AWS's usual environment variables."""

    def __init__(self, url: str, region: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandError(f"{url} is no URL of a server, such as http://127.0.0.1:8480.")
        self._url = url
        self._host = parts.netloc.rpartition("@")[2]
        self._path = parts.path or "/"
        self._parts = parts
        self._threads = ThreadPoolExecutor(CONNECTIONS, "remote")
        self._own = threading.local()
        self._region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or region
        self._key_id = os.environ.get("AWS_ACCESS_KEY_ID", "any")
        self._secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "any")
        self._token = os.environ.get("AWS_SESSION_TOKEN", "")

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer. Raises ServiceError with the server's words, CommandError where there is no answer."""
        body = orjson.dumps(request)
        for attempt in range(ATTEMPTS_MAX):
            last = attempt + 1 == ATTEMPTS_MAX
            try:
                status, answered = self._exchange(operation, body)
            except (OSError, http.client.HTTPException) as error:
                self._connection().close()
                if last or isinstance(error, ConnectionRefusedError):
                    raise CommandError(f"{self._url} does not answer: {error}.") from None
            else:
                answer = _parsed(answered)
                if status == 200:
                    return answer
                kind = str(answer.get("__type", "")).rpartition("#")[2]
                if last or not (status >= 500 or kind in RETRIED):
                    message = answer.get("message") or answer.get("Message") or ""
                    raise ServiceError(f"{kind or status}: {message}")
            time.sleep(random() * min(0.1 * 2**attempt, PAUSE_SECONDS_MAX))
        raise AssertionError

    def call_all(self, operation: str, requests: Sequence[dict[str, Any]]) -> list[dict[str, Any] | ServiceError]:
        """The answers, in the order of the requests."""

        def answer(request: dict[str, Any]) -> dict[str, Any] | ServiceError:
            try:
                return self.call(operation, request)
            except ServiceError as error:
                return error

        return list(self._threads.map(answer, requests))

    def close(self) -> None:
        """End the threads, and with them their connections."""
        self._threads.shutdown()
        self._connection().close()

    def _connection(self) -> http.client.HTTPConnection:
        """The connection of this thread."""
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            connection = kind(str(self._parts.hostname), self._parts.port, timeout=ANSWER_SECONDS_MAX)
            self._own.connection = connection
        return connection

    def _exchange(self, operation: str, body: bytes) -> tuple[int, bytes]:
        connection = self._connection()
        connection.request("POST", self._path, body, self._headers(operation, body))
        response = connection.getresponse()
        return response.status, response.read()

    def _headers(self, operation: str, body: bytes) -> dict[str, str]:
        timestamp = timestamp_of(time.time())
        headers = {
            "content-type": CONTENT_TYPE,
            "host": self._host,
            "x-amz-date": timestamp,
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        }
        if self._token:
            headers["x-amz-security-token"] = self._token
        scope = (timestamp[:8], self._region, SERVICE, TERMINATOR)
        names = tuple(name.encode() for name in sorted(headers))
        credential = Credential(self._key_id, scope, b";".join(names), names)
        signed = Request(
            "POST", self._path, "", {name.encode(): value.encode() for name, value in headers.items()}, body
        )
        proof = signature(signed, Claim(credential, "", timestamp, self._token, ""), self._secret)
        authorization = f"{ALGORITHM} Credential={self._key_id}/{'/'.join(scope)}"
        signed_headers = b";".join(names).decode()
        return headers | {"authorization": f"{authorization}, SignedHeaders={signed_headers}, Signature={proof}"}


def _parsed(answered: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(answered)
    except orjson.JSONDecodeError:
        return {"message": answered[:200].decode(errors="replace").strip()}
    return answer if type(answer) is dict else {}
