"""A Cassandra cluster of one or three nodes on this machine's loopback addresses, with its data and process ids in one
directory. Clusters in different directories know nothing of each other; give each its own address."""

import contextlib
import dataclasses
import fcntl
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tools.cassandra import probe
from tools.cassandra.addresses import check_free
from tools.cassandra.class_archive import class_archive
from tools.cassandra.distribution import Distribution, find_java
from tools.cassandra.errors import ClusterError
from tools.cassandra.node import POLL_SECONDS, Node
from tools.cassandra.settings import Settings

READY_SECONDS_MAX: Final = 300
FIXED: Final = ("nodes", "address", "port", "storage_port")
"""What a cluster with data cannot change."""


@dataclasses.dataclass(frozen=True)
class NodeStatus:
    """What is known of a node without its help, and whether it helps."""

    number: int
    address: str
    state: str
    """serving, starting, paused or stopped."""

    pid: int | None
    resident_bytes: int


class Cluster:
    """The cluster in a directory. Nodes are counted from 1; without a number, all of them are meant.

    As a context manager it starts at the beginning and stops at the end.
    """

    def __init__(self, directory: Path | str, settings: Settings | None = None) -> None:
        """The settings of a cluster that is to be started, or, without any, those that its directory remembers.

        Raises ClusterError where a cluster that is there already has other nodes or addresses.
        """
        self.directory = Path(directory).resolve()
        self.distribution = Distribution()
        self.settings = settled(self.directory, settings)
        self.nodes = [Node(self.directory, self.settings, number + 1) for number in range(self.settings.nodes)]

    @property
    def contact_points(self) -> tuple[str, ...]:
        """The addresses of all nodes."""
        return self.settings.addresses

    @property
    def port(self) -> int:
        """Where every node listens for clients."""
        return self.settings.port

    def start(self, node: int | None = None, *, seconds: float = READY_SECONDS_MAX) -> None:
        """Start what does not run and return when it is ready; the first start fetches Cassandra.

        Raises ClusterError where an address is taken, a node ends or the time is over; nodes that run stay running.
        """
        with self.locked():
            if starting := [each for each in self.chosen(node) if each.process() is None]:
                self.launch(starting, seconds)
        self.wait_ready(seconds)

    def launch(self, starting: Sequence[Node], seconds: float) -> None:
        """Start the JVMs of these nodes."""
        java, java_version = find_java(self.distribution.environment)
        self.distribution.fetch()
        for node in starting:
            check_free(node.address, self.settings.port, self.settings.storage_port)
        archive = class_archive(self.distribution, java, java_version)
        (self.directory / "cluster.json").write_text(self.settings.to_json())
        alone = not any(node.process() for node in self.nodes)
        for node in starting:
            node.launch(java, self.distribution, archive)
            if alone:  # Nodes that boot together may not find each other.
                node.wait_served(time.monotonic() + seconds)
                alone = False

    def stop(self, node: int | None = None) -> None:
        """End nodes orderly, which takes seconds; what does not end in 20 of them is killed."""
        for each in self.chosen(node):
            each.terminate()
        for each in self.chosen(node):
            each.wait_ended()

    def kill(self, node: int | None = None) -> None:
        """End nodes as a crash does (SIGKILL)."""
        for each in self.chosen(node):
            each.kill()

    def pause(self, node: int | None = None) -> None:
        """Hold nodes (SIGSTOP): they answer nothing on open connections. Raises ClusterError where one is dead."""
        for each in self.chosen(node):
            each.pause()

    def resume(self, node: int | None = None) -> None:
        """Let nodes go on that are paused. Raises ClusterError where one is dead."""
        for each in self.chosen(node):
            each.resume()

    def restart(self, node: int | None = None, *, seconds: float = READY_SECONDS_MAX) -> None:
        """Stop nodes and start them again."""
        self.stop(node)
        self.start(node, seconds=seconds)

    def status(self) -> list[NodeStatus]:
        """Of all nodes, in their order."""
        return [self.status_of(node) for node in self.nodes]

    def status_of(self, node: Node) -> NodeStatus:
        """A node that is paused is not asked."""
        process = node.process()
        if process is None:
            return NodeStatus(node.number, node.address, "stopped", None, 0)
        if process.is_paused():
            state = "paused"
        else:
            state = "serving" if probe.serves(node.address, self.settings.port) else "starting"
        return NodeStatus(node.number, node.address, state, process.pid, process.resident_bytes())

    def wait_ready(self, seconds: float = READY_SECONDS_MAX) -> None:
        """Return when every node that runs, and is not paused, serves; and, where all three do, each sees the others.

        Raises ClusterError where a node ends or the time is over.
        """
        deadline = time.monotonic() + seconds
        running = [node for node in self.nodes if (process := node.process()) and not process.is_paused()]
        for node in running:
            node.wait_served(deadline)
        if len(running) < 3:
            return
        for node in running:
            while failure := probe.failure_of_three(node.address, self.settings.port):
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"Node {node.number} does not reach the others in time: {failure}. See {node.log}."
                    )
                time.sleep(POLL_SECONDS)

    def chosen(self, node: int | None) -> Sequence[Node]:
        """All nodes, or the one with the number. Raises ClusterError where there is none."""
        if node is None:
            return self.nodes
        self.settings.address_of(node)
        return [self.nodes[node - 1]]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until no other process starts nodes in this directory."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.directory / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def __enter__(self) -> "Cluster":
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def settled(directory: Path, wanted: Settings | None) -> Settings:
    """What is wanted, under the name that the cluster in the directory has; or as the directory remembers it."""
    try:
        remembered = Settings.from_json((directory / "cluster.json").read_text())
    except FileNotFoundError:
        if wanted is None:
            raise ClusterError(f"There is no cluster in {directory}.") from None
        return dataclasses.replace(wanted, name=f"{wanted.name}-{secrets.token_hex(4)}")
    if wanted is None:
        return remembered
    if any(getattr(wanted, name) != getattr(remembered, name) for name in FIXED):
        raise ClusterError(
            f"The cluster in {directory} keeps what it began with: nodes {remembered.nodes}, address "
            f"{remembered.address}, ports {remembered.port} and {remembered.storage_port}. Remove it, or take another "
            "directory."
        )
    return dataclasses.replace(wanted, name=remembered.name)
