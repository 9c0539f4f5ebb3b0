"""A process that outlives the program that started it, and is never mistaken for another one: its number may long
belong to somebody else, so what it runs and when it began are compared before every signal."""

import contextlib
import dataclasses
import os
import re
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

STATES_OF_THE_DEAD: Final = "ZX"
STATE_OF_THE_PAUSED: Final = "T"


@dataclasses.dataclass(frozen=True)
class Process:
    """A process as a file remembers it."""

    pid: int
    start_ticks: int
    """When it began, since the machine's start."""

    mark: str
    """An argument that no other program has."""

    @classmethod
    def of(cls, pid: int, mark: str) -> "Process":
        """The process that has this number now. Raises OSError where none has."""
        return cls(pid, start_ticks(pid), mark)

    @classmethod
    def read(cls, path: Path, mark: str) -> "Process | None":
        """The process that `write` wrote, or None."""
        try:
            pid, ticks = map(int, path.read_text().split())
        except (FileNotFoundError, ValueError):
            return None
        return cls(pid, ticks, mark)

    def write(self, path: Path) -> None:
        """Remember it in a file, at once and whole."""
        partial = path.with_suffix(".partial")
        partial.write_text(f"{self.pid} {self.start_ticks}\n")
        partial.rename(path)

    def state(self) -> str | None:
        """The kernel's letter for it, or None where it has ended."""
        try:
            fields = stat_fields(self.pid)
            command_line = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return None
        # For a moment after Popen has returned the kernel has no command line yet.
        marked = not command_line or self.mark.encode() in command_line.split(b"\0")
        ours = int(fields[19]) == self.start_ticks and marked
        # Of a process that is being killed the first thread may be dead while others still hold its ports.
        dead = fields[0] in STATES_OF_THE_DEAD and int(fields[17]) <= 1
        return fields[0] if ours and not dead else None

    def is_alive(self) -> bool:
        """Whether it runs or is paused."""
        return self.state() is not None

    def is_paused(self) -> bool:
        """Whether it is held by SIGSTOP."""
        return self.state() == STATE_OF_THE_PAUSED

    def send(self, *signals: signal.Signals) -> None:
        """Send signals in this order; nothing happens where it has ended."""
        with self.held() as descriptor:
            if descriptor is not None:
                for each in signals:
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(descriptor, each)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended after at most so long."""
        with self.held() as descriptor:
            if descriptor is not None:
                ended, _, _ = select.select([descriptor], [], [], seconds)
                if not ended:
                    return False
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return True

    @contextlib.contextmanager
    def held(self) -> Iterator[int | None]:
        """A descriptor of it, or None where it has ended. As long as it is open it means this process and no other."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            yield None
            return
        try:
            yield descriptor if self.is_alive() else None
        finally:
            os.close(descriptor)

    def resident_bytes(self) -> int:
        """How much memory it has; 0 where it has ended."""
        try:
            found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        except OSError:
            return 0
        return int(found[1]) * 1024 if found else 0


def start_ticks(pid: int) -> int:
    """When the process began. Raises OSError where there is none."""
    return int(stat_fields(pid)[19])


def stat_fields(pid: int) -> list[str]:
    """What /proc/PID/stat has after the name of the program: the state is the first."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
