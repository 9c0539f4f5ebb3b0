"""Runs a command that needs a cluster: the first one in a directory starts it, and the last one stops it."""

import contextlib
import fcntl
import signal
import subprocess
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Final

from tools.cassandra.cluster import Cluster
from tools.cassandra.errors import ClusterError

STARTED_FOR_A_COMMAND: Final = "started-for-a-command"
"""The file that says so. A cluster that was started by itself is not stopped."""


def run(cluster: Cluster, command: Sequence[str]) -> int:
    """The command's exit code, as a shell has it. In its words {contact_points} and {port} are replaced.

    SIGTERM and SIGINT end the command first and then the cluster. Raises ClusterError where either does not start.
    """
    forwarder = Forwarder()
    with forwarder.installed(), used(cluster):
        cluster.start()
        print(f"Cassandra serves on port {cluster.port} of {', '.join(cluster.contact_points)}.", flush=True)
        return forwarder.run(words(cluster, command))


def words(cluster: Cluster, command: Sequence[str]) -> list[str]:
    """The command with this cluster's addresses."""
    contact_points = ",".join(cluster.contact_points)
    return [word.replace("{contact_points}", contact_points).replace("{port}", str(cluster.port)) for word in command]


@contextlib.contextmanager
def used(cluster: Cluster) -> Iterator[None]:
    """Who leaves last stops the cluster, unless it was started by itself."""
    cluster.directory.mkdir(parents=True, exist_ok=True)
    started = cluster.directory / STARTED_FOR_A_COMMAND
    with open(cluster.directory / "users", "w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        if not any(node.process() for node in cluster.nodes):
            started.touch()
        try:
            yield
        finally:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if started.exists():
                    cluster.stop()
                    started.unlink()


class Forwarder:
    """Signals that were meant for us and have to reach the command, without keeping us from stopping the cluster."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.ending = False

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """A handler, unlike SIG_IGN, is not inherited by the command."""
        before = {each: signal.signal(each, self.receive) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def receive(self, number: int, _: FrameType | None) -> None:
        """Before the command begins the first signal ends us; a second one, as make and timeout send it, must not keep
        us from stopping the cluster. A terminal's SIGINT has reached the command by itself."""
        if self.child is not None:
            if number == signal.SIGTERM:
                self.child.terminate()
        elif not self.ending:
            self.ending = True
            raise SystemExit(128 + number)

    def run(self, command: Sequence[str]) -> int:
        """The exit code of the command."""
        try:
            self.child = subprocess.Popen(command)
        except OSError as error:
            raise ClusterError(f"{command[0]} cannot be run: {error.strerror}.") from None
        code = self.child.wait()
        return code if code >= 0 else 128 - code
