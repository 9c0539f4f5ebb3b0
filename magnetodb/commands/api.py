"""magnetodb-api: the server, in one process or in several worker processes behind one port."""

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any, Final

import uvloop

from magnetodb import conf
from magnetodb.api.dynamodb import begin_worker
from magnetodb.api.figures import connections
from magnetodb.api.gathered_figures import GatheredFigures
from magnetodb.api.health import Inspection
from magnetodb.api.processes import Process, Processes
from magnetodb.api.server import Limits, Server
from magnetodb.api.shared_listeners import listening_sockets
from magnetodb.commands.supervisor import FORWARDED, Parent, Supervisor, SupervisorError
from magnetodb.errors import DataFileError
from magnetodb.service import Service, StartError, check_exposure, open_service, what_is_served
from magnetodb.storage.sqlite_file import lock_directory

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

OTHER_FILES_MAX: Final = 64
"""Open files that are not connections: the data file, logs, the listening socket."""

COLLECTED_OBJECTS: Final = 20_000
"""The garbage collector looks for cycles when so many containers more are alive."""

LOG_FORMAT: Final = "%(asctime)s {worker}%(levelname)s %(name)s: %(message)s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. The exit code: 0, or 1 where the service cannot start."""
    try:
        configuration = conf.configure(sys.argv[1:] if arguments is None else arguments)
        begin_log(configuration)
        count = workers(configuration)
        return serve_by_workers(configuration, count) if count > 1 else uvloop.run(serve(configuration))
    except (StartError, SupervisorError, conf.ConfigurationError) as error:
        print(f"magnetodb-api: {error}", file=sys.stderr)
        return 1


def begin_log(configuration: "ConfigOpts", worker: str = "") -> None:
    """Have messages written to standard error, with the name of the worker that they come from."""
    level = configuration.log_level.upper()
    logging.basicConfig(level=level, format=LOG_FORMAT.format(worker=worker), force=bool(worker))


def workers(configuration: "ConfigOpts") -> int:
    """How many processes serve. One, whatever the option says, where something is kept in the memory of one."""
    return 1 if configuration.memory or configuration.inject_failures else configuration.workers


async def serve(configuration: "ConfigOpts") -> int:
    """Open the service, listen, wait for a signal, finish what is in hand. Raises StartError."""
    check_exposure(configuration.bind_host, configuration)
    stop = stop_at(signal.SIGTERM, signal.SIGINT)
    service = await open_service(configuration)
    try:
        server = server_of(configuration, service, service.inspection)
        host, port = await listen(server, configuration)
        service.cell.settings = service.cell.settings._replace(endpoint=f"{host}:{port}")
        print(announcement(configuration, service, host, port), flush=True)
        spare_collections()
        await stop.wait()
        await server.stop()
    finally:
        await service.close()
    return 0


def serve_by_workers(configuration: "ConfigOpts", count: int) -> int:
    """Take the data directory and the port, and have them served by worker processes until a signal. Returns the exit
    code. Raises StartError, SupervisorError."""
    check_exposure(configuration.bind_host, configuration)
    directory = taken_directory(configuration) if configuration.storage == "sqlite" else None
    listeners = taken_port(configuration)
    processes = Processes(count)

    def serve_as_one(number: int, parent: Parent, *, first: bool) -> int:
        begin_log(configuration, f"worker {number} ")
        begin_worker(number)
        try:
            return uvloop.run(serve_beside_others(configuration, Process(processes, number), listeners, parent, first))
        except StartError as error:
            parent.say_failed(str(error))
            return 1

    def refuse_clients() -> None:
        for listener in listeners:
            listener.close()

    supervisor = Supervisor(
        count,
        serve_as_one,
        stop_seconds=configuration.stop_timeout,
        gone=processes.say_gone,
        refuse_clients=refuse_clients,
    )
    try:
        return supervisor.run(lambda text: print(f"{text}\nworkers: {count}", flush=True))
    finally:
        if directory is not None:
            os.close(directory)


async def serve_beside_others(
    configuration: "ConfigOpts", process: Process, listeners: Sequence[socket], parent: Parent, first: bool
) -> int:
    """What `serve` does, in one of several processes. `first`: it is alone at present. Raises StartError."""
    stop = stop_at(*[number for number in FORWARDED if signal.getsignal(number) != signal.SIG_IGN])
    loop = asyncio.get_running_loop()
    parent.watch(lambda: loop.call_soon_threadsafe(stop.set))
    service = await open_service(configuration, shared=True, first=first)
    try:
        inspection = inspection_of_all(service.inspection, process)
        server = server_of(configuration, service, inspection, share=process.processes.count)
        host, port = listeners[0].getsockname()[:2]
        service.cell.settings = service.cell.settings._replace(endpoint=f"{host}:{port}")
        figures = GatheredFigures(service.door.metrics, process)
        server.share(listeners, process)
        figures.open()
        parent.say_ready(announcement(configuration, service, host, port))
        spare_collections()
        await stop.wait()
        await server.stop()
        await figures.close()
    finally:
        await service.close()
    return 0


def stop_at(*signals: signal.Signals) -> asyncio.Event:
    """An event that one of these signals sets."""
    stop = asyncio.Event()
    for number in signals:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def server_of(configuration: "ConfigOpts", service: Service, inspection: Inspection, *, share: int = 1) -> Server:
    """The server, not listening yet. It is one of `share` that have the clients together."""
    server = Server(service.door, lambda: other_doors(configuration, inspection), limits(configuration, share))
    service.door.metrics.sources.append(connections(server.connections))
    return server


def inspection_of_all(inspection: Inspection, process: Process) -> Inspection:
    """What operators may look at, with what one of several processes sees of the others."""
    check = inspection.storage_check
    return inspection._replace(storage_check=lambda: process.fault_of_others() or (check() if check else None))


def taken_directory(configuration: "ConfigOpts") -> int:
    """The descriptor that keeps other services out of the data directory, as long as one of us has it open. Raises
    StartError."""
    try:
        return lock_directory(Path(configuration.data_dir))
    except DataFileError as error:
        raise StartError(str(error)) from None


def taken_port(configuration: "ConfigOpts") -> list[socket]:
    """The sockets on which clients wait from now on. Raises StartError."""
    host, port = configuration.bind_host, configuration.bind_port
    try:
        return listening_sockets(host, port)
    except OSError as error:
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


def other_doors(configuration: "ConfigOpts", inspection: Inspection) -> Any:
    """The falcon application, imported when the first request for it comes."""
    from magnetodb.api.app import create_app

    return create_app(None, region=configuration.region, inspection=inspection)


def limits(configuration: "ConfigOpts", share: int = 1) -> Limits:
    """What the options grant to one of `share` processes, as far as the system's limit of open files goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = -(-configuration.connections_max // share) + OTHER_FILES_MAX
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wanted = soft
    return Limits(
        connections=max(1, wanted - OTHER_FILES_MAX),
        request_seconds=configuration.request_timeout,
        idle_seconds=configuration.idle_timeout,
        stop_seconds=configuration.stop_timeout,
    )


async def listen(server: Server, configuration: "ConfigOpts") -> tuple[str, int]:
    """The address listened on. Raises StartError where it is taken or not ours."""
    host, port = configuration.bind_host, configuration.bind_port
    try:
        return await server.start(host, port)
    except OSError as error:
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


def announcement(configuration: "ConfigOpts", service: Service, host: str, port: int) -> str:
    """What the operator reads: where, what file, who may ask, and a line to paste."""
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    credentials = 'aws_access_key_id="any", aws_secret_access_key="any"'
    if configuration.auth == "sigv4":
        credentials = 'aws_access_key_id="KEY_ID", aws_secret_access_key="SECRET"'
    return (
        f"MagnetoDB listens on {url}\n"
        f"{what_is_served(configuration, service)}\n"
        f'boto3.client("dynamodb", endpoint_url="{url}", region_name="{configuration.region}", {credentials})'
    )


def spare_collections() -> None:
    """What is made at the start stays, so the garbage collector need not look at it again. And it looks seldom: a
    request makes many containers, which its end frees, and hardly a cycle."""
    gc.freeze()
    gc.set_threshold(COLLECTED_OBJECTS, 20, 20)


if __name__ == "__main__":
    sys.exit(main())
