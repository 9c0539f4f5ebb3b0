"""DynamoDB's door: `POST /` with X-Amz-Target, AWS JSON 1.0 in and out, errors as AWS renders them.

Knows no transport: both fronts hand it a Request and send the Response that it returns.
"""

import gzip
import logging
import zlib
from collections.abc import Callable, Mapping
from itertools import count
from random import getrandbits
from time import perf_counter_ns
from typing import Any, Final
from zlib import crc32

import orjson

from magnetodb import errors, operations
from magnetodb.api.http_messages import BODY_BYTES_MAX, Request, Response
from magnetodb.api.metrics import TOTAL as LATENCIES_TOTAL
from magnetodb.api.metrics import UNKNOWN_OPERATION, Metrics
from magnetodb.api.request_log import RequestLog
from magnetodb.context import RequestContext
from magnetodb.operations.cell import Cell
from magnetodb.storage.service_errors import service_error

LOG = logging.getLogger(__name__)

TARGET_PREFIX: Final = b"DynamoDB_20120810."
GZIP_ANSWER_BYTES_MIN: Final = 4096
GZIP_LEVEL: Final = 1
NAME_LENGTH_SHOWN_MAX: Final = 64

AMZ_JSON: Final = "application/x-amz-json-1.0"
CONTENT_TYPES: Final = {b"application/x-amz-json-1.0": AMZ_JSON, b"application/json": "application/json"}

TARGETS: Final = {TARGET_PREFIX + name.encode(): name for name in operations.OPERATIONS}
"""What X-Amz-Target may be, and the operation that it names."""

BODILESS: Final = frozenset(("TagResource", "UntagResource"))
"""Operations whose answer is an empty body, by their documentation; their model has no output."""

CORS_EXPOSED: Final = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
CORS_MAX_AGE_SECONDS: Final = 172_800

Authenticate = Callable[[Request, str], RequestContext]
"""Says who asks (request, request id), or raises an AuthenticationError."""


class Door:
    """Answers every request of DynamoDB's protocol, and counts it. `cells` are the storages by name."""

    __slots__ = ("_authenticate", "_cells", "_latencies", "_log", "metrics")

    def __init__(
        self,
        cells: Mapping[str, Cell],
        authenticate: Authenticate,
        *,
        metrics: Metrics | None = None,
        request_log: RequestLog | None = None,
    ) -> None:
        self._cells = cells
        self._authenticate = authenticate
        self.metrics = metrics if metrics is not None else Metrics(operations.OPERATIONS)
        self._latencies = self.metrics.latencies
        self._log = request_log

    async def answer(self, request: Request) -> Response:
        """Run the operation that the request names. Raises nothing: an error becomes its response."""
        began = perf_counter_ns()
        request_id = new_request_id()
        name, failure, context, parameters = UNKNOWN_OPERATION, "", None, None
        try:
            name = operation_name(request)
            context = self._authenticate(request, request_id)
            parameters = body_parameters(request)
            result = await operations.run(self._cells[context.cell], context, name, parameters)
            answered = response(request, request_id, 200, b"" if name in BODILESS else orjson.dumps(result))
        except errors.ServiceError as error:
            failure = type(error).__name__
            answered = error_response(request, request_id, error)
        except errors.StorageError as error:
            LOG.warning("request %s: storage: %r", request_id, error)
            shown = service_error(error)
            failure = type(shown).__name__
            answered = error_response(request, request_id, shown)
        except Exception:  # The one place where a bug becomes an answer.
            LOG.exception("request %s failed", request_id)
            failure = "InternalServerError"
            answered = error_response(request, request_id, errors.InternalServerError("Internal server error"))
        counters = self.metrics.failures(name, failure) if failure else self._latencies[name]
        microseconds = (perf_counter_ns() - began) // 1000
        counters[microseconds.bit_length()] += 1
        counters[LATENCIES_TOTAL] += microseconds
        if self._log is not None:
            self._log.write(
                request_id=request_id,
                operation=name,
                parameters=parameters or {},
                user="" if context is None else context.user,
                status=answered.status,
                error=failure,
                microseconds=microseconds,
                bytes_in=len(request.body),
                bytes_out=len(answered.body),
            )
        return answered


def new_request_id() -> str:
    """52 characters, as long as AWS's: who started this process, and which request of it."""
    return _process + f"{next(_REQUESTS):012X}"


def begin_worker(number: int) -> None:
    """Say, after the fork, which of several processes this is: its request ids begin with that number."""
    global _process
    _process = f"{number:02X}{getrandbits(152):038X}"


_process = f"{getrandbits(160):040X}"
_REQUESTS: Final = count(1)


def operation_name(request: Request) -> str:
    """The operation that X-Amz-Target names. Raises InvalidAction where the request is not of this protocol,
    SerializationException where the operation is unknown and the body is no JSON object, UnknownOperationException
    where DynamoDB, or this service, has no such operation."""
    headers = request.headers
    name = TARGETS.get(headers.get(b"x-amz-target", b""))
    if name is not None and media_type(request) in CONTENT_TYPES:
        return name
    if media_type(request) not in CONTENT_TYPES:
        raise errors.InvalidAction(f"The Content-Type must be {AMZ_JSON}.")
    # AWS reads the body before it looks for the operation.
    body_parameters(request)
    target = headers.get(b"x-amz-target", b"")
    if not target.startswith(TARGET_PREFIX):
        raise errors.UnknownOperationException()
    unknown = target[len(TARGET_PREFIX) :][:NAME_LENGTH_SHOWN_MAX].decode("latin-1")
    # AWS gives the type alone; the words are for who calls an operation that DynamoDB has and we have not.
    raise errors.UnknownOperationException(f"The operation {unknown} is not served here.")


def media_type(request: Request) -> bytes:
    """The Content-Type without its parameters."""
    content_type = request.headers.get(b"content-type", b"")
    if content_type in CONTENT_TYPES:
        return content_type
    return content_type.partition(b";")[0].strip().lower()


def body_parameters(request: Request) -> dict[str, Any]:
    """The members of the request. Of a member that is given twice the last one counts. Raises SerializationException
    where the body is not JSON (RFC 8259: no NaN, UTF-8 only) or not an object, RequestEntityTooLarge."""
    body = request.body
    if b"content-encoding" in request.headers:
        body = decompressed(body, request.headers[b"content-encoding"])
    try:
        parameters = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise errors.SerializationException() from None
    if type(parameters) is not dict:
        found = "Start of list found where not expected" if type(parameters) is list else ""
        raise errors.SerializationException(found or "Unexpected token received from parser")
    return parameters


def decompressed(body: bytes, encodings: bytes) -> bytes:
    """The body without its Content-Encoding (gzip or deflate, zlib-wrapped or raw)."""
    encoding = encodings.strip().lower()
    if encoding in (b"", b"identity"):
        return body
    if encoding in (b"gzip", b"x-gzip"):
        return inflated(body, zlib.MAX_WBITS | 16)
    if encoding == b"deflate":
        try:
            return inflated(body, zlib.MAX_WBITS)
        except errors.SerializationException:
            return inflated(body, -zlib.MAX_WBITS)
    raise errors.SerializationException("The Content-Encoding must be gzip or deflate.")


def inflated(body: bytes, window_bits: int) -> bytes:
    """One complete compressed stream. Stops at the limit, so that a small body cannot fill the memory."""
    stream = zlib.decompressobj(window_bits)
    try:
        plain = stream.decompress(body, BODY_BYTES_MAX + 1)
    except zlib.error:
        raise errors.SerializationException() from None
    if len(plain) > BODY_BYTES_MAX:
        raise too_large()
    if not stream.eof:
        raise errors.SerializationException()
    return plain


def too_large() -> errors.RequestEntityTooLarge:
    """The error of a body over the limit; fronts raise it before they read the body."""
    return errors.RequestEntityTooLarge("Request size exceeded the limit of 16 MB.")


def response(request: Request, request_id: str, status: int, body: bytes) -> Response:
    """The response with DynamoDB's headers. The checksum is of the bytes as they are sent."""
    asked = request.headers
    more: list[tuple[str, str]] = []
    if len(body) > GZIP_ANSWER_BYTES_MIN and b"gzip" in asked.get(b"accept-encoding", b""):
        body = gzip.compress(body, GZIP_LEVEL, mtime=0)
        more.append(("Content-Encoding", "gzip"))
    if b"origin" in asked:
        more += [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", CORS_EXPOSED)]
    content_type = CONTENT_TYPES.get(asked.get(b"content-type", b"")) or CONTENT_TYPES.get(media_type(request))
    headers = [
        ("x-amzn-RequestId", request_id),
        ("x-amz-crc32", str(crc32(body))),
        ("Content-Type", content_type or AMZ_JSON),
        *more,
    ]
    return Response(status, headers, body)


def preflight(request: Request) -> Response:
    """The answer to a browser that asks what it may send: whatever it asks for, as AWS answers."""
    allowed = [
        (f"Access-Control-Allow-{what}", request.headers[header].decode("latin-1"))
        for what, header in (
            ("Headers", b"access-control-request-headers"),
            ("Methods", b"access-control-request-method"),
        )
        if header in request.headers
    ]
    headers = [
        ("x-amzn-RequestId", new_request_id()),
        ("Access-Control-Allow-Origin", "*"),
        *allowed,
        ("Access-Control-Max-Age", str(CORS_MAX_AGE_SECONDS)),
    ]
    return Response(200, headers, b"")


_MODELED: Final = "com.amazonaws.dynamodb.v20120810#"
_SERVICE: Final = "com.amazon.coral.service#"
_AVAILABILITY: Final = "com.amazon.coral.availability#"
_VALIDATE: Final = "com.amazon.coral.validate#"

ERROR_FORMS: Final[dict[type[errors.ServiceError], tuple[int, str, str]]] = {
    errors.SerializationException: (400, _SERVICE + "SerializationException", "Message"),
    errors.UnknownOperationException: (400, _SERVICE + "UnknownOperationException", "message"),
    errors.InvalidAction: (404, _SERVICE + "UnknownOperationException", "message"),
    errors.RequestEntityTooLarge: (413, _SERVICE + "RequestEntityTooLarge", "message"),
    errors.MissingAuthenticationTokenException: (400, _SERVICE + "MissingAuthenticationTokenException", "message"),
    errors.IncompleteSignatureException: (400, _SERVICE + "IncompleteSignatureException", "message"),
    errors.UnrecognizedClientException: (400, _SERVICE + "UnrecognizedClientException", "message"),
    errors.InvalidSignatureException: (400, _SERVICE + "InvalidSignatureException", "message"),
    errors.AccessDeniedException: (400, _SERVICE + "AccessDeniedException", "Message"),
    errors.ValidationException: (400, _VALIDATE + "ValidationException", "message"),
    errors.TransactionCanceledException: (400, _MODELED + "TransactionCanceledException", "Message"),
    errors.TransactionInProgressException: (400, _MODELED + "TransactionInProgressException", "Message"),
    errors.IdempotentParameterMismatchException: (400, _MODELED + "IdempotentParameterMismatchException", "Message"),
    errors.ThrottlingException: (400, _AVAILABILITY + "ThrottlingException", "message"),
    errors.ServiceUnavailable: (503, _AVAILABILITY + "ServiceUnavailableException", "message"),
    errors.InternalServerError: (500, _MODELED + "InternalServerError", "message"),
}
"""Status, __type and the member that holds the message, as AWS sends them. Any other modeled error: 400, its own name,
"message"."""


def error_response(request: Request, request_id: str, error: errors.ServiceError) -> Response:
    """The one place where errors become bodies."""
    kind = type(error)
    status, name, message_member = ERROR_FORMS.get(kind) or (400, _MODELED + kind.__name__, "message")
    body: dict[str, object] = {"__type": name, **error.members}
    if error.message:
        body[message_member] = error.message
    return response(request, request_id, status, orjson.dumps(body))
