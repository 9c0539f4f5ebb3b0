"""The servers that are measured: how each is started on a directory of its own, and how it ends.

`ours` is the checkout; `before` is another commit of it; `bare` is the same stack with a constant answer; the others
are peers, each as its users start it.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import peers
from benchmarks.processes import Usage, tree, usage

ROOT: Final = Path(__file__).resolve().parents[1]

START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 30.0
POLL_SECONDS: Final = 0.002

IN_MEMORY: Final = ("dynoxide", "dynalite")
"""The peers that the figures are compared with."""

SERVERS: Final = ("ours", "before", "bare", "dynoxide", "dynalite", "dynoxide-file", "moto")

CONFIGURATION: Final = "[DEFAULT]\nauth = sigv4\naccess_keys = test:test:default:admin\n"
"""With it our server verifies every signature; the loads sign with this key."""


class Choices(NamedTuple):
    """How our own servers are started: `flags` of magnetodb-api (not of `before`, which may not know them), `verify`
    signatures, `before` a tree of sources."""

    flags: tuple[str, ...] = ()
    verify: bool = False
    before: Path | None = None


class Server:
    """A running server. `start_seconds`: from its start to its first answer."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", port: int, start_seconds: float) -> None:
        self.name = name
        self.process = process
        self.port = port
        self.start_seconds = start_seconds

    @property
    def pid(self) -> int:
        """Of its first process; it may have others."""
        return self.process.pid

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def usage(self) -> Usage:
        """What it costs up to now."""
        return usage(self.pid)

    def stop(self) -> int:
        """End it as an operator would, and by force after a bounded time. Returns its exit code."""
        members = tree(self.pid)
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            kill(members)
            return self.process.wait()

    def kill(self) -> None:
        """kill -9 of all its processes."""
        kill(tree(self.pid))
        self.process.wait()


def kill(members: Sequence[int]) -> None:
    """kill -9 of those that are still there; the first one first, so that it starts none of the others again."""
    for each in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


@contextlib.contextmanager
def running(name: str, choices: Choices = Choices(), data_dir: Path | None = None) -> Iterator[Server]:  # noqa: B008
    """A server on a new directory (made in `data_dir`), which ends and is removed with the block."""
    with tempfile.TemporaryDirectory(prefix=f"magnetodb-bench-{name}-", dir=data_dir) as directory:
        server = start(name, Path(directory), choices)
        try:
            yield server
        finally:
            server.stop()


def start(name: str, directory: Path, choices: Choices = Choices(), port: int = 0) -> Server:  # noqa: B008
    """Start a server and wait for its first answer. Raises SystemExit with its last words where there is none, and
    PeerMissing."""
    port = port or free_port()
    command, environment = command_of(name, directory, port, choices)
    log = directory / "server.log"
    began = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | environment, cwd=directory)
    while not answers(port):
        if process.poll() is not None or time.perf_counter() - began > START_SECONDS_MAX:
            kill(tree(process.pid))
            process.wait()
            raise SystemExit(f"{name} did not start: {' '.join(command)}\n{log.read_text(errors='replace')[-1000:]}")
        time.sleep(POLL_SECONDS)
    return Server(name, process, port, time.perf_counter() - began)


def command_of(name: str, directory: Path, port: int, choices: Choices) -> tuple[list[str], dict[str, str]]:
    """The command line of a server, and what it adds to the environment. Raises PeerMissing."""
    if name in ("ours", "before"):
        source = ROOT if name == "ours" else choices.before
        assert source is not None
        command = [sys.executable, "-m", "magnetodb.commands.api", "--bind-port", str(port)]
        command += ["--data-dir", str(directory / "data"), *(choices.flags if name == "ours" else ())]
        if choices.verify:
            configuration = directory / "magnetodb.conf"
            configuration.write_text(CONFIGURATION)
            command += ["--config-file", str(configuration)]
        return command, {"PYTHONPATH": str(source)}
    if name == "bare":
        return [sys.executable, "-m", "benchmarks.bare_server", "--port", str(port)], {"PYTHONPATH": str(ROOT)}
    if name == "dynalite":
        return [peers.executable("dynalite"), "--port", str(port)], {}
    if name == "dynoxide":
        return [peers.executable("dynoxide"), "serve", "--port", str(port)], {}
    if name == "dynoxide-file":
        database = str(directory / "dynoxide.sqlite")
        return [peers.executable("dynoxide"), "serve", "--port", str(port), "--db-path", database], {}
    if name == "moto":
        return [peers.executable("moto"), "--port", str(port)], {}
    raise SystemExit(f"There is no server {name!r}; there are {', '.join(SERVERS)}.")


def answers(port: int) -> bool:
    """Whether a request gets any answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    try:
        connection.request("POST", "/", b"{}", headers)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def sources_of(commit: str) -> Iterator[Path]:
    """The package as it was in a commit, in a directory that is removed with the block. Raises SystemExit."""
    with tempfile.TemporaryDirectory(prefix="magnetodb-bench-before-") as directory:
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", commit, "magnetodb"], capture_output=True, check=False
        )
        if archive.returncode:
            raise SystemExit(f"There is no commit {commit}: {archive.stderr.decode(errors='replace').strip()}")
        subprocess.run(["tar", "-x", "-C", directory], input=archive.stdout, check=True)
        yield Path(directory)
