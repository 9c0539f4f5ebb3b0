"""The pytest plugin: fixtures that give each test a DynamoDB of its own. See docs/testing_with_magnetodb.md.

pytest loads this module in every run of an environment that has MagnetoDB, so it imports nothing of weight until one
of its fixtures is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from magnetodb.testing.server import LocalServer

REGION: Final = "us-east-1"
CREDENTIALS: Final = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}

STORAGE: Final = "magnetodb_storage"
OPTIONS: Final = "magnetodb_options"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a project may say in its pytest configuration."""
    parser.addini(
        STORAGE, "Where the server of the dynamodb fixtures keeps its data: memory, or file.", default="memory"
    )
    parser.addini(OPTIONS, "Flags of magnetodb-api for the server of the dynamodb fixtures.", type="args", default=[])


@pytest.fixture(scope="session")
def magnetodb_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """The server of this test process. For fixtures of wider scope than a test: `open_namespace()` and
    `drop_namespace(namespace)`."""
    from magnetodb.conf import ConfigurationError
    from magnetodb.service import StartError
    from magnetodb.testing.server import LocalServer

    storage = request.config.getini(STORAGE)
    if storage == "memory":
        place = ["--memory"]
    elif storage == "file":
        place = ["--data-dir", str(tmp_path_factory.mktemp("magnetodb"))]
    else:
        raise pytest.UsageError(f"{STORAGE} is {storage!r}; it must be memory or file.")
    try:
        server = LocalServer([*place, "--durability", "relaxed", *request.config.getini(OPTIONS)])
    except (StartError, ConfigurationError) as error:
        raise pytest.UsageError(f"The server of the dynamodb fixtures cannot start: {error}") from None
    yield server
    server.stop()


@pytest.fixture
def dynamodb_url(magnetodb_server: LocalServer) -> Iterator[str]:
    """The endpoint URL of this test: any credentials and any region see the test's tables there, and no others."""
    namespace = magnetodb_server.open_namespace()
    yield namespace.url
    magnetodb_server.drop_namespace(namespace)


@pytest.fixture(scope="session")
def _dynamodb_session() -> Any:
    """What all clients of this process share: making it costs a tenth of a second, a client of it some milliseconds.
    It reads neither configuration files nor profiles of the machine's user."""
    try:
        import boto3
        import botocore.session
    except ModuleNotFoundError as error:
        raise pytest.UsageError(
            f"The fixtures dynamodb_client and dynamodb_resource need boto3 ({error}): pip install boto3. "
            "The fixture dynamodb_url does without."
        ) from None

    nothing = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
    return boto3.Session(region_name=REGION, botocore_session=botocore.session.Session(nothing), **CREDENTIALS)


@pytest.fixture
def dynamodb_client(_dynamodb_session: Any, dynamodb_url: str) -> Iterator[Any]:
    """boto3.client("dynamodb") for this test's tables."""
    client = _dynamodb_session.client("dynamodb", endpoint_url=dynamodb_url, config=_client_config())
    yield client
    client.close()


@pytest.fixture
def dynamodb_resource(_dynamodb_session: Any, dynamodb_url: str) -> Iterator[Any]:
    """boto3.resource("dynamodb") for this test's tables."""
    resource = _dynamodb_session.resource("dynamodb", endpoint_url=dynamodb_url, config=_client_config())
    yield resource
    resource.meta.client.close()


@pytest.fixture
def dynamodb_environment(dynamodb_url: str) -> Iterator[str]:
    """Clients that the tested program makes by itself find this test's tables: AWS's variables of the environment say
    where, and with which credentials, as long as the test runs. The value is the endpoint URL."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_url)
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        environment.setenv("AWS_REGION", REGION)
        for name, value in CREDENTIALS.items():
            environment.setenv(name.upper(), value)
        yield dynamodb_url


class DynamodbClock:
    """The server's clock, seen from a test."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server

    def now(self) -> datetime:
        """The server's time, in UTC."""
        return datetime.fromtimestamp(self._server.clock(), UTC)

    def time(self) -> float:
        """The server's time in seconds since the epoch, as attributes of expiry have it."""
        return self._server.clock()

    def move(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move the time forward. When this returns, everything has happened that is due by then: expired items are
        deleted, new indexes filled. Raises ValueError for a time that has passed."""
        self._server.move_clock(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))


@pytest.fixture
def dynamodb_clock(magnetodb_server: LocalServer) -> Iterator[DynamodbClock]:
    """The server's clock; behind the test it is the machine's time again."""
    yield DynamodbClock(magnetodb_server)
    magnetodb_server.reset_clock()


def _client_config() -> Any:
    from botocore.config import Config

    # No proxy of the environment stands between a test and its own machine.
    return Config(proxies={})
