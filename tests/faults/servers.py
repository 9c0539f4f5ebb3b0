"""magnetodb-api as processes that can be killed and started again at the same address."""

import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).parents[2]
START_SECONDS_MAX: Final = 120
STOP_SECONDS_MAX: Final = 40
HEALTH_SECONDS_MAX: Final = 20
LINES_SHOWN: Final = 20
REPEATED_LINES_KEPT: Final = 5000


class StartFailure(Exception):
    """The server does not serve."""


class Server:
    """One server, by number. It listens on the same port whenever it runs."""

    def __init__(self, number: int, options: Mapping[str, object], log: Path) -> None:
        self.number = number
        self.log = log
        self.options = options
        self.port = free_port()
        self.starts = 0
        self.is_plain = True
        self.output: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self, *, crash_point: str = "", clock_seconds: int = 0, **options: object) -> None:
        """Start it and return when it listens and has its cluster. Raises StartFailure."""
        self.is_plain = not (crash_point or clock_seconds or options)
        given = {**self.options, "bind_port": self.port, **options}
        environment = {f"MAGNETODB_{name.upper()}": str(value) for name, value in given.items()}
        if crash_point:
            environment["MAGNETODB_TEST_CRASH_POINT"] = crash_point
        command = [sys.executable, "-m", "magnetodb.commands.api"]
        if clock_seconds:
            command = [sys.executable, "-m", "tests.faults.shifted_clock", str(clock_seconds)]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.starts += 1
        listens = threading.Event()
        assert self.process.stdout is not None
        threading.Thread(target=self._read, args=(self.process.stdout, listens), daemon=True).start()
        if not listens.wait(START_SECONDS_MAX):
            self.kill()
            raise StartFailure(f"Server {self.number} does not listen:\n{self.last_words()}")
        if not crash_point and self.process.poll() is not None:
            raise StartFailure(f"Server {self.number} has ended:\n{self.last_words()}")

    def kill(self) -> None:
        """SIGKILL; nothing happens where it has ended."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(STOP_SECONDS_MAX)

    def wait_ended(self, seconds: float) -> bool:
        """Whether it has ended after at most so long."""
        assert self.process is not None
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def health(self) -> tuple[int, str]:
        """Status and words of its full check; (0, why) where it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthcheck?fullcheck=true", timeout=HEALTH_SECONDS_MAX) as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode().strip()
        except OSError as error:
            return 0, str(error)

    def threads(self) -> int:
        """How many threads the process has."""
        assert self.process is not None
        found = re.search(r"^Threads:\s+(\d+)$", Path(f"/proc/{self.process.pid}/status").read_text(), re.MULTILINE)
        return int(found[1]) if found else 0

    def last_words(self) -> str:
        """The end of what it said."""
        return "".join(self.output[-LINES_SHOWN:])

    def _read(self, lines: IO[str], listens: threading.Event) -> None:
        for line in lines:
            with open(self.log, "a") as log:
                log.write(line)
            self.output.append(line)
            del self.output[:-REPEATED_LINES_KEPT]
            if re.search(r"[Ll]istens on http", line):
                listens.set()
        listens.set()


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def manage(options: Mapping[str, object], *words: str, seconds: float = 300) -> tuple[int, str]:
    """Exit code and output of magnetodb-manage on what the servers have."""
    environment = {f"MAGNETODB_{name.upper()}": str(value) for name, value in options.items()}
    done = subprocess.run(
        [sys.executable, "-m", "magnetodb.commands.manage", *words],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()
