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
"""The file whose records are locked, and whose bytes are memory that the processes share. Nothing of it outlives them.
"""

ARRIVALS: Final = 0
"""Record: held for a moment by whoever takes a place in the queue."""

EMPTYING: Final = 1
"""Record: held by the process that empties dropped tables."""

COPYING: Final = 2
"""Record: held by the process that copies the log into the data file."""

OWNERS: Final = 16
OWNERS_MAX: Final = 64
"""Records: each process has one of these, for as long as it has the file open."""

WRITING: Final = 128
"""Record: the right to write. It and the places behind it are let go with one call."""

PLACES: Final = 1 << 32
"""Record PLACES + n: held by whoever has turn n, from when it was asked for to its end."""

LAST_TURN: Final = 0
"""Place in the shared memory, in units of eight bytes: the last turn that anybody has asked for. Written with ARRIVALS
held."""

ENDED: Final = 1
"""Place in the shared memory: the last turn that has ended."""

TABLES: Final = 2
"""Place in the shared memory: the last turn that made or dropped row tables."""

VERSION: Final = 3
"""Place in the shared memory: no row has a later version."""

BEGUN: Final = 4
"""Place in the shared memory: the last turn that has begun."""

DURABLE: Final = 5
"""Place in the shared memory: this turn and all before it are on the disk, or need not be. Written by whoever has
brought them there; it may go back a little."""

FAILED: Final = 6
"""Place in the shared memory: not 0 if the log could not be brought to the disk. Written by whoever has tried."""

MARKS_BITS: Final = 16
ROW_MARKS: Final = 512
"""Places in the shared memory from here on: the last turn that changed one of the rows that share the place."""

PARTITION_MARKS: Final = ROW_MARKS + (1 << MARKS_BITS)
"""The same for the partitions that share the place."""

MEMORY_BYTES: Final = 8 * (PARTITION_MARKS + (1 << MARKS_BITS))

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
        self.turn = 0
        """Our turn, or the one that we have asked for; 0: none."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self.alone = self._join()
            """No other process had the file when this one came."""
            self._mapped = mmap.mmap(self._file, MEMORY_BYTES)
        except OSError as error:
            raise DataFileError(f"The file {path} cannot be used: {error.strerror}.") from error
        self.owner = self._own()
        """A number that no other process has at present."""
        self.memory = memoryview(self._mapped).cast("Q")
        """Numbers of eight bytes that all processes see. Those that say nothing else are written by the one whose turn
        it is."""

    def _join(self) -> bool:
        """Say that we use the file. Whoever is alone with it (True) begins with empty memory."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.ftruncate(self._file, MEMORY_BYTES)
            alone = True
        except BlockingIOError:
            alone = False
        fcntl.flock(self._file, fcntl.LOCK_SH)
        return alone

    def _own(self) -> int:
        for owner in range(OWNERS_MAX):
            if self._try(OWNERS + owner):
                return owner
        raise DataFileError(f"More than {OWNERS_MAX} processes cannot share a data file.")

    def enter(self) -> bool:
        """Ask for a turn. True: it is ours. False: `wait` must be called, and may take long."""
        return self._try(ARRIVALS) and self._try(PLACES + self._ask() - 1) and self._try(WRITING)

    def wait(self) -> None:
        """Wait for our turn after `enter` has returned False. May be called in any thread."""
        if not self.turn:
            self._wait(ARRIVALS)
            self._ask()
        self._wait(PLACES + self.turn - 1)
        self._wait(WRITING)

    def leave(self) -> None:
        """End our turn, or do without the one that we have asked for: the next one begins."""
        self.turn = 0
        fcntl.fcntl(self._file, _TRY, _UNLOCK_TURN)

    def empty_dropped_tables(self) -> bool:
        """Whether it is up to this process to empty dropped tables: no other one is at it. It is until `close`, or
        until `stop_emptying`."""
        return self._try(EMPTYING)

    def stop_emptying(self) -> None:
        """Let another process empty dropped tables."""
        fcntl.fcntl(self._file, _TRY, _flock(fcntl.F_UNLCK, EMPTYING))

    def begin_copying(self) -> bool:
        """Whether this process may copy the log: no other one is at it. In any thread, one at a time."""
        return self._try(COPYING)

    def end_copying(self) -> None:
        """Let others copy the log."""
        fcntl.fcntl(self._file, _TRY, _flock(fcntl.F_UNLCK, COPYING))

    def close(self) -> None:
        """Let go of everything."""
        self.memory.release()
        self._mapped.close()
        os.close(self._file)

    def _ask(self) -> int:
        """Ask for the next turn, with ARRIVALS held. Its place is locked first and counted then, so that nobody ever
        waits for one whose owner was killed in between."""
        try:
            turn = self.memory[LAST_TURN] + 1
            while not self._try(PLACES + turn):
                turn += 1
            self.memory[LAST_TURN] = self.turn = turn
        finally:
            fcntl.fcntl(self._file, _TRY, _UNLOCK_ARRIVALS)
        return turn

    def _try(self, record: int) -> bool:
        try:
            fcntl.fcntl(self._file, _TRY, _flock(fcntl.F_WRLCK, record))
        except (BlockingIOError, PermissionError):  # POSIX allows either.
            return False
        return True

    def _wait(self, record: int) -> None:
        fcntl.fcntl(self._file, _WAIT, _flock(fcntl.F_WRLCK, record))


def is_shared(directory: Path) -> bool:
    """Whether a process has a WriterLock of this directory."""
    try:
        file = os.open(directory / WORKERS_NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _flock(kind: int, record: int, records: int = 1) -> bytes:
    """The kernel's struct flock; 0 `records`: all from `record` on."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, record, records, 0)


_UNLOCK_ARRIVALS: Final = _flock(fcntl.F_UNLCK, ARRIVALS)
_UNLOCK_TURN: Final = _flock(fcntl.F_UNLCK, WRITING, 0)
