"""magnetodb-api: the server."""

import asyncio
import gc
import logging
import resource
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import uvloop

from magnetodb import conf
from magnetodb.api.figures import connections
from magnetodb.api.server import Limits, Server
from magnetodb.service import Service, StartError, check_exposure, open_service, what_is_served

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

OTHER_FILES_MAX: Final = 64
"""Open files that are not connections: the data file, logs, the listening socket."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. The exit code: 0, or 1 where the service cannot start."""
    try:
        configuration = conf.configure(sys.argv[1:] if arguments is None else arguments)
        logging.basicConfig(
            level=configuration.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        return uvloop.run(serve(configuration))
    except (StartError, conf.ConfigurationError) as error:
        print(f"magnetodb-api: {error}", file=sys.stderr)
        return 1


async def serve(configuration: "ConfigOpts") -> int:
    """Open the service, listen, wait for a signal, finish what is in hand. Raises StartError."""
    check_exposure(configuration.bind_host, configuration)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    service = await open_service(configuration)
    try:
        server = Server(service.door, lambda: other_doors(configuration, service), limits(configuration))
        service.door.metrics.sources.append(connections(server.connections))
        host, port = await listen(server, configuration)
        service.cell.settings = service.cell.settings._replace(endpoint=f"{host}:{port}")
        print(announcement(configuration, service, host, port), flush=True)
        gc.freeze()  # What is made at the start stays; the collector need not look at it again.
        await stop.wait()
        await server.stop()
    finally:
        await service.close()
    return 0


def other_doors(configuration: "ConfigOpts", service: Service) -> Any:
    """The falcon application, imported when the first request for it comes."""
    from magnetodb.api.app import create_app

    return create_app(None, region=configuration.region, inspection=service.inspection)


def limits(configuration: "ConfigOpts") -> Limits:
    """What the options grant, as far as the system's limit of open files goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = configuration.connections_max + OTHER_FILES_MAX
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


if __name__ == "__main__":
    sys.exit(main())
