"""One node of a cluster: its directory and its JVM."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from tools.cassandra import probe
from tools.cassandra.distribution import Distribution
from tools.cassandra.errors import ClusterError
from tools.cassandra.process import Process
from tools.cassandra.settings import Settings, argument_file, cassandra_yaml, jvm_flags

MAIN_CLASS: Final = "org.apache.cassandra.service.CassandraDaemon"
STOP_SECONDS_MAX: Final = 20
KILL_SECONDS_MAX: Final = 20
PAUSE_SECONDS_MAX: Final = 10
POLL_SECONDS: Final = 0.05
LOG_LINES_SHOWN: Final = 15
LOG_BYTES_READ: Final = 64 * 1024


class Node:
    """The node with a number, from 1, of the cluster in a directory."""

    def __init__(self, cluster_directory: Path, settings: Settings, number: int) -> None:
        self.directory = cluster_directory / f"node{number}"
        self.settings = settings
        self.number = number
        self.address = settings.address_of(number)

    @property
    def log(self) -> Path:
        """What Cassandra says, of all its starts."""
        return self.directory / "cassandra.log"

    @property
    def argument_file(self) -> Path:
        """`java @this` starts the node by hand. Its name is in the process's command line and marks it as ours."""
        return self.directory / "java.arguments"

    @property
    def mark(self) -> str:
        """What the command line of this node's JVM has, and no other's."""
        return f"@{self.argument_file}"

    def process(self) -> Process | None:
        """The JVM, where it is alive."""
        process = Process.read(self.directory / "pid", self.mark)
        return process if process is not None and process.is_alive() else None

    def launch(self, java: str, distribution: Distribution, archive: Path | None, flags: tuple[str, ...] = ()) -> None:
        """Start the JVM and return at once; nothing happens where it is alive."""
        if self.process() is not None:
            return
        (self.directory / "tmp").mkdir(parents=True, exist_ok=True)
        (self.directory / "cassandra.yaml").write_text(cassandra_yaml(self.settings, self.number))
        arguments = jvm_flags(self.settings, self.directory, agent=distribution.agent, archive=archive)
        arguments += [*flags, "-cp", distribution.class_path(), MAIN_CLASS]
        self.argument_file.write_text(argument_file(arguments))
        with open(self.log, "ab") as log:
            child = subprocess.Popen(
                [java, self.mark],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )
        child.returncode = 0  # It outlives us: tell Popen not to complain, and reap it in Process.wait.
        Process.of(child.pid, self.mark).write(self.directory / "pid")

    def wait_served(self, deadline: float) -> None:
        """Return when the node answers clients. Raises ClusterError where its JVM ends or the time has come."""
        while not probe.serves(self.address, self.settings.port):
            if self.process() is None:
                raise ClusterError(f"Node {self.number} has ended. The end of {self.log}:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise ClusterError(f"Node {self.number} does not answer in time; {self.log} may say why.")
            time.sleep(POLL_SECONDS)

    def terminate(self) -> None:
        """Ask the JVM to end, even where it is paused."""
        if process := self.process():
            process.send(signal.SIGTERM, signal.SIGCONT)

    def wait_ended(self, seconds: float = STOP_SECONDS_MAX) -> None:
        """Return when the JVM has ended; it is killed after so long."""
        if (process := self.process()) and not process.wait(seconds):
            self.kill()

    def kill(self) -> None:
        """End the JVM at once, as a crash does. Raises ClusterError where it stays."""
        if process := self.process():
            process.send(signal.SIGKILL)
            if not process.wait(KILL_SECONDS_MAX):
                raise ClusterError(f"Node {self.number} (process {process.pid}) survives SIGKILL.")

    def pause(self) -> None:
        """Hold the JVM, with its connections open. Raises ClusterError where there is none."""
        process = self.living()
        process.send(signal.SIGSTOP)
        deadline = time.monotonic() + PAUSE_SECONDS_MAX
        while not process.is_paused():
            if time.monotonic() > deadline:
                raise ClusterError(f"Node {self.number} (process {process.pid}) does not stop.")
            time.sleep(POLL_SECONDS)

    def resume(self) -> None:
        """Let the JVM go on. Raises ClusterError where there is none."""
        self.living().send(signal.SIGCONT)

    def living(self) -> Process:
        """The JVM. Raises ClusterError where it is not alive."""
        if process := self.process():
            return process
        raise ClusterError(f"Node {self.number} does not run.")

    def last_words(self) -> str:
        """The errors at the end of the log, or its last lines."""
        try:
            with open(self.log, "rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_BYTES_READ))
                lines = log.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        errors = [line for line in lines if line.startswith(("ERROR", "Error", "Exception", "Caused by"))]
        return "\n".join((errors or lines)[-LOG_LINES_SHOWN:])
