"""Whose turn it is to write, among the processes that have one data file open: first come, first served.

The right to write is a record lock, which the kernel takes back from a process that is killed. Before it comes a queue:
whoever arrives locks a record of its own and waits until the one who came before lets go of its. A process that is
killed in the queue loses its place and holds up nobody.
"""

import fcntl
import mmap
import os
import struct
from pathlib import Path
from typing import Final

from magnetodb.errors import DataFileError

WORKERS_NAME: Final = "magnetodb.workers"
"""The file whose records are locked. Its first bytes are memory that the processes share; nothing in it must outlive
them."""

MEMORY_BYTES: Final = 4096

ARRIVALS: Final = 0
"""Record: held for a moment by whoever takes a place in the queue."""

EMPTYING: Final = 1
"""Record: held by the process that empties dropped tables."""

WRITING: Final = 2
"""Record: the right to write. It and the places behind it are let go with one call."""

PLACES: Final = 1 << 32
"""Record PLACES + n: held from its arrival to the end of its turn by whoever has place n."""

LAST_PLACE: Final = 0
"""Where in the shared memory the number of the last place is, in units of eight bytes."""

_TRY: Final = getattr(fcntl, "F_OFD_SETLK", 0)
_WAIT: Final = getattr(fcntl, "F_OFD_SETLKW", 0)


class WriterLock:
    """One process's part in the queue. It must be opened in the process that uses it: after a fork, not before.

    The locks belong to the open file (Linux calls them open file description locks), not to the process: with those
    that belong to the process, closing any other descriptor of the file would end them.
    """

    def __init__(self, directory: Path) -> None:
        if not _TRY:
            raise DataFileError("Several processes can share a data file on Linux only.")
        path = directory / WORKERS_NAME
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if os.fstat(self._file).st_size < MEMORY_BYTES:
                os.ftruncate(self._file, MEMORY_BYTES)
            self._mapped = mmap.mmap(self._file, MEMORY_BYTES)
        except OSError as error:
            raise DataFileError(f"The file {path} cannot be used: {error.strerror}.") from error
        self.memory = memoryview(self._mapped).cast("Q")
        """Numbers of eight bytes that all processes see. Who may write which of them is up to their readers."""
        self._place: int | None = None

    def enter(self) -> bool:
        """Begin a turn. True: the right to write is ours. False: `wait` must be called, and may take long."""
        if not self._try(ARRIVALS):
            return False
        place = self._take_place()
        return self._try(PLACES + place - 1) and self._try(WRITING)

    def wait(self) -> None:
        """Wait for the right to write after `enter` has returned False. May be called in any thread."""
        place = self._place
        if place is None:
            self._wait(ARRIVALS)
            place = self._take_place()
        self._wait(PLACES + place - 1)
        self._wait(WRITING)

    def leave(self) -> None:
        """End the turn: the next one begins."""
        self._place = None
        fcntl.fcntl(self._file, _TRY, _UNLOCK_TURN)

    def empty_dropped_tables(self) -> bool:
        """Whether it is up to this process to empty dropped tables: no other one is at it. It is until `close`, or
        until `stop_emptying`."""
        return self._try(EMPTYING)

    def stop_emptying(self) -> None:
        """Let another process empty dropped tables."""
        fcntl.fcntl(self._file, _TRY, _flock(fcntl.F_UNLCK, EMPTYING))

    def close(self) -> None:
        """Let go of everything."""
        self.memory.release()
        self._mapped.close()
        os.close(self._file)

    def _take_place(self) -> int:
        """The next place, with ARRIVALS held. It is locked first and counted then, so that nobody ever waits for a
        place whose owner was killed in between."""
        place = self.memory[LAST_PLACE] + 1
        while not self._try(PLACES + place):
            place += 1
        self.memory[LAST_PLACE] = self._place = place
        fcntl.fcntl(self._file, _TRY, _UNLOCK_ARRIVALS)
        return place

    def _try(self, record: int) -> bool:
        try:
            fcntl.fcntl(self._file, _TRY, _flock(fcntl.F_WRLCK, record))
        except BlockingIOError:
            return False
        except PermissionError:  # POSIX allows either.
            return False
        return True

    def _wait(self, record: int) -> None:
        fcntl.fcntl(self._file, _WAIT, _flock(fcntl.F_WRLCK, record))


def _flock(kind: int, record: int, records: int = 1) -> bytes:
    """The kernel's struct flock; 0 `records`: all from `record` on."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, record, records, 0)


_UNLOCK_ARRIVALS: Final = _flock(fcntl.F_UNLCK, ARRIVALS)
_UNLOCK_TURN: Final = _flock(fcntl.F_UNLCK, WRITING, 0)
