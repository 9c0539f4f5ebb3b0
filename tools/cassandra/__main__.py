"""python -m tools.cassandra COMMAND: starts, stops, kills, pauses and resumes the nodes of a Cassandra cluster."""

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tools.cassandra.addresses import free_address
from tools.cassandra.cluster import Cluster
from tools.cassandra.distribution import VERSION
from tools.cassandra.errors import ClusterError
from tools.cassandra.run import STARTED_FOR_A_COMMAND, run
from tools.cassandra.settings import NODES, Settings

DIRECTORY: Final = Path("data/cassandra")
MEBIBYTE: Final = 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, that of a command that was run, or 1 with a sentence on standard error."""
    options = parsed(arguments)
    try:
        return COMMANDS[options.command](options) or 0
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.cassandra", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        one.add_argument("--directory", type=Path, help=f"of the cluster ({DIRECTORY})")
        if name in ("start", "run"):
            add_settings(one)
        if name == "run":
            one.add_argument("--temporary", action="store_true", help="in a new directory, which is removed afterwards")
            one.add_argument("words", nargs="+", metavar="WORD", help="{contact_points} and {port} are replaced in it")
        elif name != "status":
            one.add_argument("--node", type=int, help="its number, from 1 (all nodes)")
    return parser.parse_args(arguments)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """What can be told about a cluster at its start. One that is there already keeps its nodes and addresses."""
    default = Settings()
    parser.add_argument("--nodes", type=int, choices=NODES, help=f"({default.nodes})")
    parser.add_argument("--address", help=f"of the first node, or any ({default.address})")
    parser.add_argument("--port", type=int, help=f"for clients ({default.port})")
    parser.add_argument("--storage-port", type=int, help=f"among nodes ({default.storage_port})")
    parser.add_argument("--heap", help=f"of each JVM ({default.heap})")
    parser.add_argument("--light", action="store_true", default=None, help="compile less: boots are faster")
    parser.add_argument("--quick", action="store_true", default=None, help="that, and kill -9 loses the schema")
    parser.add_argument(
        "--set", action="append", metavar="NAME=JSON", help="a line of cassandra.yaml; =null removes it"
    )
    parser.add_argument("--jvm", action="append", metavar="FLAG", help="one more flag: --jvm=-Xlog:gc")


def cluster_of(options: argparse.Namespace) -> Cluster:
    """The cluster that is meant. One that is there already is as it was, but for what the flags say."""
    directory = options.directory or DIRECTORY
    there = (directory / "cluster.json").exists()
    if options.command not in ("start", "run"):
        return Cluster(directory)
    before = Cluster(directory).settings if there else Settings()
    names = ("nodes", "address", "port", "storage_port", "heap", "light", "quick")
    values = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.set:
        values["configuration"] = dict(map(configuration_line, options.set))
    if options.jvm:
        values["jvm_flags"] = tuple(options.jvm)
    if options.address == "any":
        ports = (values.get("port", before.port), values.get("storage_port", before.storage_port))
        values["address"] = before.address if there else free_address(values.get("nodes", before.nodes), ports)
    return Cluster(directory, dataclasses.replace(before, **values))


def configuration_line(text: str) -> tuple[str, Any]:
    """Name and value of NAME=JSON; what is not JSON is text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def start(options: argparse.Namespace) -> None:
    """start what does not run, and wait until it is ready"""
    cluster = cluster_of(options)
    announce_download(cluster)
    (cluster.directory / STARTED_FOR_A_COMMAND).unlink(missing_ok=True)
    before = time.monotonic()
    cluster.start(options.node)
    print(f"Ready after {time.monotonic() - before:.1f} s.")
    report(cluster)


def run_command(options: argparse.Namespace) -> int:
    """start a cluster, run a command, and stop the cluster when the last such command ends"""
    if options.temporary:
        options.directory = Path(tempfile.mkdtemp(prefix="magnetodb-cassandra-"))
    try:
        cluster = cluster_of(options)
        announce_download(cluster)
        return run(cluster, options.words)
    finally:
        if options.temporary:
            shutil.rmtree(options.directory)


def status(options: argparse.Namespace) -> None:
    """say what the nodes do"""
    report(cluster_of(options))


def stop(options: argparse.Namespace) -> None:
    """end nodes orderly"""
    cluster_of(options).stop(options.node)


def kill(options: argparse.Namespace) -> None:
    """end nodes as a crash does (SIGKILL)"""
    cluster_of(options).kill(options.node)


def pause(options: argparse.Namespace) -> None:
    """hold nodes, their connections open (SIGSTOP)"""
    cluster_of(options).pause(options.node)


def resume(options: argparse.Namespace) -> None:
    """let paused nodes go on (SIGCONT)"""
    cluster_of(options).resume(options.node)


def restart(options: argparse.Namespace) -> None:
    """stop nodes and start them again"""
    cluster_of(options).restart(options.node)


def announce_download(cluster: Cluster) -> None:
    """Say why the first start takes so long."""
    if not cluster.distribution.is_complete():
        print(f"Fetching Cassandra {VERSION} by Maven into {cluster.distribution.jars}: 67 MB, once.", flush=True)


def report(cluster: Cluster) -> None:
    """A line for each node."""
    for node in cluster.status():
        line = f"node {node.number}  {node.address}:{cluster.port}  {node.state}"
        if node.pid is not None:
            line += f"  pid {node.pid}  {node.resident_bytes // MEBIBYTE} MiB"
        print(line)


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int | None]]] = {
    "start": start,
    "stop": stop,
    "kill": kill,
    "pause": pause,
    "resume": resume,
    "restart": restart,
    "status": status,
    "run": run_command,
}

if __name__ == "__main__":
    sys.exit(main())
