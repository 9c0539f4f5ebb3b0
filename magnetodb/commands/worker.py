"""magnetodb-worker: the background jobs alone, in a process that answers no requests.

With storage = sqlite the data file must be free: it is for finishing work while no server runs. With storage =
cassandra it works beside any number of servers, which can then be started with --norun-jobs.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from magnetodb import conf
from magnetodb.service import StartError, open_service, what_data

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts


def main(arguments: Sequence[str] | None = None) -> int:
    """Work until SIGTERM or SIGINT. The exit code: 0, or 1 where the storage cannot be opened."""
    try:
        configuration = conf.configure(sys.argv[1:] if arguments is None else arguments)
        logging.basicConfig(
            level=configuration.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        return asyncio.run(work(configuration))
    except (StartError, conf.ConfigurationError) as error:
        print(f"magnetodb-worker: {error}", file=sys.stderr)
        return 1


async def work(configuration: "ConfigOpts") -> int:
    """Run all jobs, whatever run_jobs says, until a signal. Raises StartError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    configuration.set_override("run_jobs", True)
    service = await open_service(configuration)
    print(f"{what_data(configuration, service)}\njobs: {', '.join(service.worker.states())}", flush=True)
    try:
        await stop.wait()
    finally:
        await service.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
