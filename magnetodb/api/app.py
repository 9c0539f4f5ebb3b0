"""The falcon WSGI application: the whole API layer, for gunicorn or any other WSGI server, and for what the default
server does not answer by itself."""

from typing import Any, Final, Protocol

import falcon

from magnetodb.api.dynamodb import (
    error_response,
    new_request_id,
    preflight,
    response,
    too_large,
)
from magnetodb.api.health import Inspection, healthy, unhealthy
from magnetodb.api.http_messages import BODY_BYTES_MAX, Request, Response, is_loopback
from magnetodb.api.wsgi_bridge import headers_of
from magnetodb.errors import (
    AccessDeniedException,
    InternalServerError,
    InvalidAction,
    RequestEntityTooLarge,
    ServiceError,
)

READ_BYTES: Final = 64 * 1024
DISCARDED_BYTES_MAX: Final = 64 * 1024 * 1024
"""How much of a refused request is read and thrown away, so that its answer reaches the client."""


class Core(Protocol):
    """Where doors live: the process's event loop thread."""

    def answer(self, request: Request) -> Response:
        """What `Door.answer` returns. Raises TimeoutError where that takes too long."""


def create_app(core: Core, *, region: str, inspection: Inspection = Inspection()) -> falcon.App:  # noqa: B008
    """The application. `core` answers `POST /`."""
    app = falcon.App(media_type=None)
    app.req_options.strip_url_path_trailing_slash = False
    health = Health(region, inspection)
    app.add_route("/", DynamoDB(core, health))
    app.add_route("/healthcheck", health)
    app.add_route("/metrics", Figures(inspection))
    app.add_sink(answer_unknown_path)
    app.set_error_serializer(serialize_error)
    return app


class Health:
    """GET /healthcheck, for load balancers; /healthcheck?fullcheck=true, for who wants to know whether requests can be
    served."""

    def __init__(self, region: str, inspection: Inspection) -> None:
        self._text = healthy(region)
        self._storage_check = inspection.storage_check

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Healthy, if anything is answered at all, and with fullcheck if the storage reads and commits."""
        request = Request(req.method, req.path, "", {}, b"")
        fault = None
        if self._storage_check is not None and req.get_param("fullcheck") in ("true", "True", "1"):
            fault = self._storage_check()
        if fault is None:
            put(resp, response(request, new_request_id(), 200, self._text))
        else:
            put(resp, response(request, new_request_id(), 503, unhealthy(fault)))
        resp.content_type = "text/plain"

    on_head = on_get


class Figures:
    """GET /metrics, for Prometheus."""

    def __init__(self, inspection: Inspection) -> None:
        self._metrics = inspection.metrics
        self._remote = inspection.metrics_remote

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """All figures; they name tables, so by default others than this machine do not see them."""
        if self._metrics is None:
            answer_unknown_path(req, resp)
        elif not self._remote and not is_loopback(req.remote_addr):
            put(resp, refusal(403, AccessDeniedException("Metrics are for this machine only (option metrics).")))
        else:
            resp.data, resp.content_type = self._metrics.exposition()


class DynamoDB:
    """POST / ; GET / says healthy, as AWS's endpoints do; OPTIONS / answers browsers."""

    def __init__(self, core: Core, health: Health) -> None:
        self._core = core
        self.on_get = health.on_get
        self.on_head = health.on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """An operation."""
        request = Request("POST", "/", req.query_string, headers_of(req.env), b"", req.remote_addr)
        try:
            request = request._replace(body=received_body(req))
        except RequestEntityTooLarge as error:
            put(resp, error_response(request, new_request_id(), error))
            resp.set_header("Connection", "close")
        else:
            put(resp, self._answer(request))

    def _answer(self, request: Request) -> Response:
        try:
            return self._core.answer(request)
        except TimeoutError:
            error = InternalServerError("The operation takes too long; whether it happens is not known.")
            return error_response(request, new_request_id(), error)

    def on_options(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What may a web page send?"""
        put(resp, preflight(Request("OPTIONS", "/", "", headers_of(req.env), b"")))


def received_body(req: falcon.Request) -> bytes:
    """The whole body. Raises RequestEntityTooLarge without holding more than the limit."""
    # Of a chunked body the WSGI server knows the end; others end after Content-Length.
    stream = req.stream if "HTTP_TRANSFER_ENCODING" in req.env else req.bounded_stream
    if (req.content_length or 0) <= BODY_BYTES_MAX:
        body = stream.read(BODY_BYTES_MAX + 1)
        if len(body) <= BODY_BYTES_MAX:
            return body
    # Most clients listen only when they have sent everything.
    discarded = 0
    while discarded < DISCARDED_BYTES_MAX and (part := stream.read(READ_BYTES)):
        discarded += len(part)
    raise too_large()


def answer_unknown_path(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
    """Every path that is not served."""
    put(resp, refusal(404, InvalidAction("Nothing is here: DynamoDB's operations are sent by POST to /.")))


def serialize_error(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    """Errors that falcon itself raises, such as 405, in the form of all others."""
    status = falcon.http_status_to_code(error.status)
    put(resp, refusal(status, InvalidAction(error.description or error.title or "The request is refused.")))


def refusal(status: int, error: ServiceError) -> Response:
    """An error body with another status."""
    return error_response(Request("", "", "", {}, b""), new_request_id(), error)._replace(status=status)


def put(resp: falcon.Response, answer: Response) -> None:
    """The door's response as falcon's."""
    resp.status = answer.status
    for name, value in answer.headers:
        resp.set_header(name, value)
    resp.data = answer.body
