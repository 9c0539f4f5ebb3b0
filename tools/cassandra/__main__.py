"""python -m tools.cassandra COMMAND: starts, stops, kills, pauses and resumes the nodes of a Cassandra cluster."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tools.cassandra.addresses import free_address
from tools.cassandra.cluster import Cluster
from tools.cassandra.distribution import Distribution
from tools.cassandra.errors import ClusterError
from tools.cassandra.settings import NODES, Settings

DIRECTORY: Final = Path("data/cassandra")
MEBIBYTE: Final = 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 with a sentence on standard error."""
    options = parsed(arguments)
    try:
        COMMANDS[options.command](options)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.cassandra", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        one.add_argument("--directory", type=Path, default=DIRECTORY, help=f"of the cluster ({DIRECTORY})")
        if name == "start":
            add_settings(one)
        elif name != "status":
            one.add_argument("--node", type=int, help="its number, from 1 (all nodes)")
    return parser.parse_args(arguments)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """What `start` can be told about a cluster. A cluster that is there already keeps its nodes and addresses."""
    default = Settings()
    parser.add_argument("--nodes", type=int, choices=NODES, help=f"({default.nodes})")
    parser.add_argument("--address", help=f"of the first node, or any ({default.address})")
    parser.add_argument("--port", type=int, help=f"for clients ({default.port})")
    parser.add_argument("--storage-port", type=int, help=f"among nodes ({default.storage_port})")
    parser.add_argument("--heap", help=f"of each JVM ({default.heap})")
    parser.add_argument("--quick", action="store_true", default=None, help="boot faster; kill -9 loses the schema")
    parser.add_argument(
        "--set", action="append", metavar="NAME=JSON", help="a line of cassandra.yaml; =null removes it"
    )
    parser.add_argument("--jvm", action="append", metavar="FLAG", help="one more flag: --jvm=-Xlog:gc")


def settings_of(options: argparse.Namespace) -> Settings | None:
    """As the flags say; None where there are no flags, so that a cluster starts as it did before."""
    named = {name: getattr(options, name) for name in ("nodes", "address", "port", "storage_port", "heap", "quick")}
    values: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if options.set:
        values["configuration"] = dict(map(configuration_line, options.set))
    if options.jvm:
        values["jvm_flags"] = tuple(options.jvm)
    if not values and (options.directory / "cluster.json").exists():
        return None
    if values.get("address") == "any":
        ports = (values.get("port", Settings.port), values.get("storage_port", Settings.storage_port))
        values["address"] = free_address(values.get("nodes", Settings.nodes), ports)
    return Settings(**values)


def configuration_line(text: str) -> tuple[str, Any]:
    """Name and value of NAME=JSON; what is not JSON is text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def start(options: argparse.Namespace) -> None:
    """start what does not run, and wait until it is ready"""
    before = time.monotonic()
    cluster = Cluster(options.directory, settings_of(options))
    if not Distribution().is_complete():
        print("Fetching Cassandra, once: 67 MB and two minutes.", flush=True)
    cluster.start()
    print(f"Ready after {time.monotonic() - before:.1f} s.")
    report(cluster)


def status(options: argparse.Namespace) -> None:
    """say what the nodes do"""
    report(Cluster(options.directory))


def stop(options: argparse.Namespace) -> None:
    """end nodes orderly"""
    Cluster(options.directory).stop(options.node)


def kill(options: argparse.Namespace) -> None:
    """end nodes as a crash does (SIGKILL)"""
    Cluster(options.directory).kill(options.node)


def pause(options: argparse.Namespace) -> None:
    """hold nodes, their connections open (SIGSTOP)"""
    Cluster(options.directory).pause(options.node)


def resume(options: argparse.Namespace) -> None:
    """let paused nodes go on (SIGCONT)"""
    Cluster(options.directory).resume(options.node)


def restart(options: argparse.Namespace) -> None:
    """stop nodes and start them again"""
    Cluster(options.directory).restart(options.node)


def report(cluster: Cluster) -> None:
    """A line for each node."""
    for node in cluster.status():
        line = f"node {node.number}  {node.address}:{cluster.port}  {node.state}"
        if node.pid is not None:
            line += f"  pid {node.pid}  {node.resident_bytes // MEBIBYTE} MiB"
        print(line)


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "start": start,
    "stop": stop,
    "kill": kill,
    "pause": pause,
    "resume": resume,
    "restart": restart,
    "status": status,
}

if __name__ == "__main__":
    sys.exit(main())
