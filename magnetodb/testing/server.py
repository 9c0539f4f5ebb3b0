"""The server in a thread of the test process, and a namespace for each test: an address of its own, behind which there
are tables of its own, whatever credentials are sent there."""

import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvloop

from magnetodb import conf
from magnetodb.api import auth
from magnetodb.api.dynamodb import Door
from magnetodb.api.server import Limits, Server
from magnetodb.errors import ServiceError
from magnetodb.service import CELL_NAME, LoopThread

HOST: Final = "127.0.0.1"

ANSWER_SECONDS_MAX: Final = 60.0
"""What is asked of the server's thread is done by then."""

STOP_SECONDS_MAX: Final = 1.0
"""Requests that are in hand when their test ends may take so long."""

TABLES_PER_LIST: Final = 100
DROP_FAILURES_MAX: Final = 10
"""A background job may change a table at the moment at which it is deleted."""

_log = logging.getLogger(__name__)


class Namespace(NamedTuple):
    """`url` is where the tables of `project` are served, and no others."""

    url: str
    project: str
    server: Server


class Clock:
    """The server's clock: the machine's, moved forward. Its time is the same for all namespaces."""

    def __init__(self) -> None:
        self.moved_seconds = 0.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.moved_seconds


class LocalServer:
    """The server. All methods may be called in any thread.

    `options` are flags of magnetodb-api; configuration files and the environment do not count. Raises StartError,
    ConfigurationError.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self._configuration = conf.configure([f"--config-file={os.devnull}", *options], {})
        self.clock = Clock()
        self._core = LoopThread(answer_seconds=ANSWER_SECONDS_MAX, new_loop=uvloop.new_event_loop)
        self._service = self._core.open(self._configuration, clock=self.clock)
        self._numbers = count(1)
        self._drops: set[Future[None]] = set()
        self._application: Any = None
        self._application_lock = threading.Lock()

    @property
    def data_directory(self) -> Path:
        """Where its file is, as long as it runs."""
        assert self._service.data_file is not None
        return self._service.data_file.parent

    def open_namespace(self) -> Namespace:
        """A new one, without tables. Raises OSError where the machine has no free port."""
        return self._result(self._open_namespace(f"namespace-{next(self._numbers)}"))

    def drop_namespace(self, namespace: Namespace) -> None:
        """Stop serving it and delete its tables. Returns at once; this is done in the background."""
        drop = self._core.submit(self._drop(namespace))
        self._drops.add(drop)
        drop.add_done_callback(self._drops.discard)

    def move_clock(self, by: timedelta) -> None:
        """Move the clock forward, and return when the background jobs have done what is due then, in all namespaces.

        Raises ValueError where `by` is negative, TimeoutError where a job does not come to its end.
        """
        if by < timedelta(0):
            raise ValueError("The clock can be moved forward only.")
        self.clock.moved_seconds += by.total_seconds()
        settled = self._core.submit(self._service.worker.settle())
        try:
            settled.result(ANSWER_SECONDS_MAX)
        except TimeoutError:
            settled.cancel()
            states = {name: state["status"] for name, state in self._service.worker.states().items()}
            raise TimeoutError(f"Not all background jobs have come to rest: {states}") from None

    def reset_clock(self) -> None:
        """Back to the machine's time."""
        self.clock.moved_seconds = 0.0

    def stop(self) -> None:
        """Stop, without waiting for tables that are still being deleted; data in memory is gone."""
        for drop in list(self._drops):
            drop.cancel()
        self._core.stop(self._service)

    def _result(self, coroutine: Any) -> Any:
        return self._core.submit(coroutine).result(ANSWER_SECONDS_MAX)

    async def _open_namespace(self, project: str) -> Namespace:
        configuration = self._configuration
        authenticate = auth.anonymous(region=configuration.region, account_id=configuration.account_id, project=project)
        # Figures are the server's, not the namespace's.
        door = Door({CELL_NAME: self._service.cell}, authenticate, metrics=self._service.door.metrics)
        server = Server(door, self._other_doors, Limits(stop_seconds=STOP_SECONDS_MAX))
        host, port = await server.start(HOST, 0)
        return Namespace(f"http://{host}:{port}", project, server)

    async def _drop(self, namespace: Namespace) -> None:
        await namespace.server.stop()
        tables, project = self._service.cell.tables, namespace.project
        failures = 0
        while names := await tables.list(project, None, TABLES_PER_LIST):
            try:
                for name in names:
                    info = await tables.get(project, name)
                    await tables.delete(info.table)
            except ServiceError as error:
                failures += 1
                if failures == DROP_FAILURES_MAX:
                    _log.warning("Tables of %s are left behind: %s", project, error)
                    return

    def _other_doors(self) -> Any:
        with self._application_lock:
            if self._application is None:
                from magnetodb.api.app import create_app

                inspection = self._service.inspection
                self._application = create_app(None, region=self._configuration.region, inspection=inspection)
        return self._application
