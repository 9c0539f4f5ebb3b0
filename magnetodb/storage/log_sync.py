"""Brings the write-ahead log to the disk, in a thread, while processes that share the file go on committing.

Where SQLite does that itself, within COMMIT, nobody else can commit meanwhile. Here one fsync covers all turns of all
processes that have ended before it, and those of two processes run side by side. Until then nothing of a turn may be
told to anybody.
"""

import asyncio
import errno
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from magnetodb.storage.other_processes import OtherProcesses

_log = logging.getLogger(__name__)


class LogSync:
    """The log of the data file at `path`. All methods belong to the event loop's thread."""

    def __init__(self, path: Path, others: OtherProcesses) -> None:
        self._path = path
        self._others = others
        self._file = os.open(f"{path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        self.fdatasync = os.fdatasync
        """What brings the file to the disk, called in the thread."""
        self._orders: SimpleQueue[int | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def ended(self) -> int:
        """The last turn of any process that has ended."""
        return self._others.ended()

    def durable(self) -> int:
        """A turn that is on the disk, with all before it."""
        return self._others.durable()

    def failed(self) -> bool:
        """Whether nothing may be written any more."""
        return self._others.failed()

    def order(self, turn: int, done: Callable[[OSError | None], None]) -> None:
        """Call `done` when `turn`, which has ended, is on the disk. Ask for one at a time."""
        if self._thread is None:
            arguments = (asyncio.get_running_loop(), done)
            self._thread = threading.Thread(target=self._run, args=arguments, name="magnetodb-sync", daemon=True)
            self._thread.start()
        self._orders.put(turn)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._orders.put(None)
            self._thread.join()
        os.close(self._file)

    def _run(self, loop: asyncio.AbstractEventLoop, done: Callable[[OSError | None], None]) -> None:
        others = self._others
        while (turn := self._orders.get()) is not None:
            failure = None
            try:
                if others.durable() < turn:
                    ended = others.ended()
                    # The system may have forgotten what it could not write, so that another call, by whatever
                    # process, succeeds in vain.
                    self._check()
                    self.fdatasync(self._file)
                    self._check()
                    others.is_durable(ended)
            except OSError as error:
                if not others.failed():
                    _log.critical(
                        "%s-wal cannot be brought to the disk; nothing is written any more: %s", self._path, error
                    )
                    others.fail()
                failure = error
            loop.call_soon_threadsafe(done, failure)

    def _check(self) -> None:
        if self._others.failed():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
