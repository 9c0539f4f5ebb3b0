"""From the options to a running core: the storage, the cell, the door. Both fronts start here."""

import asyncio
import contextlib
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from magnetodb.api import auth, figures
from magnetodb.api.dynamodb import Authenticate, Door
from magnetodb.api.health import Inspection, storage_check
from magnetodb.api.http_messages import Request, Response, is_loopback
from magnetodb.api.request_log import RequestLog
from magnetodb.api.signature import AccessKey
from magnetodb.errors import ClusterError, DataFileError, ServiceError, StorageError, StorageFull
from magnetodb.operations import OPERATIONS
from magnetodb.operations.cell import Cell, Settings
from magnetodb.operations.injected_failures import InjectedFailures
from magnetodb.operations.throughput import Throughput
from magnetodb.policies import ROLES
from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.crash_points import CrashPoint
from magnetodb.storage.cassandra.session import Consistency
from magnetodb.storage.cluster_storage import ClusterStorage
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.generations import Freshness
from magnetodb.storage.manager import StorageManager
from magnetodb.storage.memory_directory import make_memory_directory
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import EXPIRE_ITEMS, Tables
from magnetodb.worker import jobs_for
from magnetodb.worker.count_items import order_lost
from magnetodb.worker.worker import Worker

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

CELL_NAME: Final = "default"
START_SECONDS_MAX: Final = 120.0

CRASH_POINT: Final = "MAGNETODB_TEST_CRASH_POINT"
"""The environment variable by which tests end a server between two steps of a commit to Cassandra; see
storage/cassandra/crash_points.py. No option: nobody shall find it in a configuration."""

_log = logging.getLogger(__name__)


class StartError(Exception):
    """The service cannot start as it is configured; the message tells an operator why."""


class Service(NamedTuple):
    """A running core. It belongs to the event loop in which it was opened. `data_file`: None where the data is in a
    cluster."""

    door: Door
    cell: Cell
    data_file: Path | None
    close: Callable[[], Awaitable[None]]
    worker: Worker
    inspection: Inspection
    driver: StorageDriver


class OpenedStorage(NamedTuple):
    """`sole`: no other process is at work on it. `file` is None where it is no file. `commit_sizes`: see
    SqliteDriver."""

    driver: StorageDriver
    tables: Tables
    close: Callable[[], Awaitable[None]]
    sole: bool = False
    file: Path | None = None
    commit_sizes: Callable[[], tuple[list[int], int]] | None = None


async def open_service(
    configuration: "ConfigOpts", *, clock: Callable[[], float] = time.time, shared: bool = False, first: bool = True
) -> Service:
    """Open the storage and the door. `clock`: seconds since the epoch, for all that is due at a time. `shared`: this
    is one of several processes of one service, whose parent has the data directory; `first`: no other one is at work.
    Raises StartError."""
    authenticate = authentication(configuration)
    failures = injected_failures(configuration)
    request_log = opened_request_log(configuration)
    settings = Settings(configuration.region, configuration.account_id, clock, failures=failures)
    worker: Worker | None = None
    arrived = asyncio.Event()

    def start_jobs() -> None:
        arrived.set()
        if worker is not None:
            worker.start()

    if configuration.storage == "cassandra":
        storage = await opened_cluster(configuration, clock, start_jobs)
    else:
        storage = await opened_file(configuration, clock, shared=shared, first=first)
        arrived.set()
    driver, tables = storage.driver, storage.tables
    throughput = None
    if configuration.enforce_throughput:
        throughput = Throughput(clock, processes=lambda: tables.counts.processes)
    cell = Cell(StorageManager(driver, tables), tables, settings, throughput)
    jobs = jobs_for(tables, all_of_them=configuration.run_jobs)
    worker = Worker(cell, driver, jobs, intervals={EXPIRE_ITEMS: configuration.expiry_interval}, sole=storage.sole)
    if arrived.is_set():
        worker.start()

    async def close() -> None:
        await worker.stop()
        try:
            await storage.close()
        finally:
            if request_log is not None:
                request_log.close()

    door = Door({CELL_NAME: cell}, authenticate, request_log=request_log)
    inspection = inspection_of(configuration, door, cell, storage, worker)
    return Service(door, cell, storage.file, close, worker, inspection, driver)


async def opened_file(
    configuration: "ConfigOpts", clock: Callable[[], float], *, shared: bool, first: bool
) -> OpenedStorage:
    """The data file, as `open_service` says. Raises StartError."""
    try:
        driver = opened_driver(configuration, shared=shared)
    except DataFileError as error:
        raise StartError(str(error)) from None
    tables = Tables(driver, freshness=Freshness.STRICT if shared else Freshness.OFF, clock=clock)
    try:
        await tables.open()
        await tables.counts.open()
        if first:
            if shared:
                await driver.recover()
                await tables.finish_changes(float("-inf"))
                await tables.counts.look_for_lost(alone=True)
            with contextlib.suppress(StorageFull):  # It is logged there, and job flush_counts orders it later.
                await order_lost(tables, driver)
    except (StorageError, ServiceError) as error:
        await driver.close()
        raise StartError(f"the data file {driver.path} cannot be prepared: {error}") from None

    async def close() -> None:
        try:
            await tables.counts.close()
        except StorageError as error:
            _log.warning("The tables will be counted anew at the next start: %s", error)
        finally:
            await driver.close()
            if configuration.memory:
                shutil.rmtree(driver.path.parent, ignore_errors=True)

    return OpenedStorage(driver, tables, close, not shared, driver.path, driver.commit_sizes)


def opened_driver(configuration: "ConfigOpts", *, shared: bool = False) -> SqliteDriver:
    """The driver on the data file. Raises DataFileError."""
    if configuration.memory:
        return SqliteDriver(make_memory_directory(), durable=False)
    return SqliteDriver(Path(configuration.data_dir), durable=configuration.durability == "full", shared=shared)


async def opened_cluster(
    configuration: "ConfigOpts", clock: Callable[[], float], arrived: Callable[[], None]
) -> OpenedStorage:
    """The cluster, if it is reached, or what waits for it; `arrived` is called when it is. Raises StartError."""
    if configuration.memory:
        raise StartError("memory = true is for storage = sqlite; a cluster keeps its data.")
    storage = ClusterStorage(cluster_options(configuration), arrived=arrived, clock=clock)
    try:
        await storage.open()
    except ClusterError as error:
        await storage.close()
        raise StartError(str(error)) from None
    return OpenedStorage(storage.driver, storage.tables, storage.close)


def cluster_options(configuration: "ConfigOpts") -> ClusterOptions:
    """The options of a Cassandra cluster. Raises StartError."""
    return ClusterOptions(
        contact_points=tuple(configuration.cassandra_contact_points),
        port=configuration.cassandra_port,
        keyspace=configuration.cassandra_keyspace,
        replication=dict([parsed_replication(text) for text in configuration.cassandra_replication]),
        local_dc=configuration.cassandra_local_dc,
        username=configuration.cassandra_username,
        password=configuration.cassandra_password,
        tls_ca=configuration.cassandra_tls_ca,
        tls_cert=configuration.cassandra_tls_cert,
        tls_verify_names=configuration.cassandra_tls_verify_names,
        read_consistency=Consistency[configuration.cassandra_read_consistency.upper()],
        create_schema=configuration.cassandra_create_schema,
        request_timeout=configuration.cassandra_request_timeout,
        in_flight_max=configuration.cassandra_in_flight_max,
        crash_point=crash_point(os.environ.get(CRASH_POINT, "")),
    )


def crash_point(text: str) -> CrashPoint | None:
    """Where a test wants the process to end; "" nowhere. Raises StartError."""
    try:
        return CrashPoint.parse(text) if text else None
    except ValueError as error:
        raise StartError(f"{CRASH_POINT}: {error}") from None


def parsed_replication(text: str) -> tuple[str, int]:
    """DATA_CENTRE:COPIES. Raises StartError."""
    data_centre, _, copies = text.rpartition(":")
    if not re.fullmatch(r"[\w.-]+", data_centre) or not re.fullmatch("[1-9]|[1-9][0-9]", copies):
        raise StartError(f"cassandra_replication: '{text}' is not DATA_CENTRE:COPIES, such as dc1:3.")
    return data_centre, int(copies)


def injected_failures(configuration: "ConfigOpts") -> InjectedFailures | None:
    """The failures that the options ask for. Raises StartError."""
    if not configuration.inject_failures:
        return None
    try:
        return InjectedFailures.parsed(configuration.inject_failures, OPERATIONS)
    except ValueError as error:
        raise StartError(f"inject_failures: {error}") from None


def opened_request_log(configuration: "ConfigOpts") -> RequestLog | None:
    """The log that the options ask for. Raises StartError."""
    try:
        return RequestLog.open(configuration.request_log) if configuration.request_log else None
    except StorageError as error:
        raise StartError(str(error)) from None


def inspection_of(
    configuration: "ConfigOpts", door: Door, cell: Cell, storage: OpenedStorage, worker: Worker
) -> Inspection:
    """What operators may look at, with all figures that are not the door's own."""
    loop = asyncio.get_running_loop()
    door.metrics.sources += [
        figures.capacity(cell.consumption),
        figures.jobs(worker.states),
        figures.index_lag(cell, storage.driver, loop),
    ]
    if storage.commit_sizes is not None:
        door.metrics.sources.append(figures.commits(storage.commit_sizes))
    metrics = None if configuration.metrics == "nobody" else door.metrics
    return Inspection(metrics, configuration.metrics == "everybody", storage_check(storage.driver, loop))


def what_is_served(configuration: "ConfigOpts", service: Service) -> str:
    """Two lines for an operator: what data, and who may ask."""
    return f"{what_data(configuration, service)}\nauth: {configuration.auth}"


def what_data(configuration: "ConfigOpts", service: Service) -> str:
    """A line for an operator: where the data is."""
    if service.data_file is None:
        contact_points = ", ".join(configuration.cassandra_contact_points)
        return f"cassandra: keyspace {configuration.cassandra_keyspace} at {contact_points}"
    if configuration.memory:
        return "data file: none, data is in memory and gone when this ends"
    return f"data file: {service.data_file.resolve()}"


class LoopThread:
    """An event loop in a thread of its own, for fronts whose requests come in threads."""

    def __init__(
        self, *, answer_seconds: float, new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    ) -> None:
        self._answer_seconds = answer_seconds
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="core", daemon=True)
        self._thread.start()
        self._door: Door | None = None

    def open(self, configuration: "ConfigOpts", *, clock: Callable[[], float] = time.time) -> Service:
        """Open the service in the thread, as `open_service` does. Raises StartError."""
        service = self.submit(open_service(configuration, clock=clock)).result(START_SECONDS_MAX)
        self._door = service.door
        return service

    def answer(self, request: Request) -> Response:
        """What the door answers. Raises TimeoutError where that takes too long; the operation still runs to its end."""
        assert self._door is not None
        return self.submit(self._door.answer(request)).result(self._answer_seconds)

    def stop(self, service: Service) -> None:
        """Close the service and end the thread."""
        self.submit(service.close()).result(START_SECONDS_MAX)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def submit(self, coroutine: Any) -> Future[Any]:
        """Run a coroutine in the thread's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


def check_exposure(host: str, configuration: "ConfigOpts") -> None:
    """Raise StartError where strangers would get everything: no authentication, and not only this machine asks."""
    if configuration.auth == "none" and not configuration.allow_anonymous_remote and not is_loopback(host):
        raise StartError(
            f"refused to listen on {host} with auth = none: whoever reaches it could read and delete everything. "
            "Use --auth sigv4 with access keys, or say --allow-anonymous-remote."
        )


def authentication(configuration: "ConfigOpts") -> Authenticate:
    """The strategy that the options choose. Raises StartError."""
    place = {"region": configuration.region, "account_id": configuration.account_id}
    if configuration.auth == "none":
        return auth.anonymous(**place)
    access_keys = [parsed_access_key(text) for text in configuration.access_keys]
    if not access_keys:
        raise StartError("auth = sigv4 needs access_keys = KEY_ID:SECRET:PROJECT:ROLE, ... in a configuration file.")
    return auth.signed(access_keys, **place)


def parsed_access_key(text: str) -> AccessKey:
    """KEY_ID:SECRET:PROJECT:ROLE[:SESSION_TOKEN]. Raises StartError, whose message has no secret."""
    parts = text.split(":", 4)
    if len(parts) < 4 or not all(parts):
        raise StartError(f"access_keys: '{parts[0]}:...' is not KEY_ID:SECRET:PROJECT:ROLE.")
    if parts[3] not in ROLES:
        raise StartError(f"access_keys: the role of '{parts[0]}' must be one of {', '.join(sorted(ROLES))}.")
    return AccessKey(*parts)
