"""Copies the write-ahead log into the data file beside the traffic, so that the log can begin anew.

SQLite's own way is to copy with the commit that makes the log too long, while all writers wait. Here a thread copies
through a connection of its own, and brings to the disk what it has copied, while commits go on. Writers wait only for
the end of it: for the pages that were committed meanwhile.
"""

import logging
import os
import sqlite3
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from magnetodb.storage.log_index import LogIndex
from magnetodb.storage.writer_lock import WriterLock

LOG_PAGES: Final = 4000
"""From this length on the log shall begin anew. It grows longer while it is copied, and while somebody reads an old
state of the file."""

COPY_PAGES: Final = 1000
"""So many new pages are copied at a time, until then."""

LAST_PAGES: Final = 250
"""If no more than so many pages are left, they are copied while the writers wait."""

PATIENCE_PAGES: Final = 4 * LOG_PAGES
"""From this length on they wait for all pages, and before that for the copying in hand."""

PATIENCE_SECONDS: Final = 1.0
"""So long at most for the copying in hand."""

AGAIN_PAGES: Final = 50
"""What was in vain, because somebody reads an old state, is tried again after so many new pages, then after twice as
many, up to COPY_PAGES."""

_log = logging.getLogger(__name__)


class LogCopier:
    """`connection` is the one that copies, `writer` the one that commits; both belong to the file at `path`, and `log`
    is the index of its log. `lock`: other processes share the file."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, writer: sqlite3.Connection, lock: WriterLock | None = None
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._lock = lock
        self._copying = threading.Lock()
        self.log = self._log = LogIndex(path)
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._orders: SimpleQueue[bool] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._rests = threading.Event()
        self._rests.set()
        self._frames = 0
        self._copied = 0
        self._copy_again = self._end_again = 0
        self._copy_pause = self._end_pause = AGAIN_PAGES

    def writers_must_wait(self) -> bool:
        """Whether the next commit must be followed by `copy_rest`. In the turn of a commit."""
        frames = self._log.frames()
        if frames < LOG_PAGES or frames < self._end_again:
            return False
        return frames >= PATIENCE_PAGES or (self._rests.is_set() and frames - self._log.copied_frames() <= LAST_PAGES)

    def copy_rest(self) -> None:
        """Copy all that is left, so that the next commit begins the log anew if nobody reads an old state then. In the
        turn of a commit, in a thread that may wait."""
        self._rests.wait(PATIENCE_SECONDS)
        self._copy(self._writer)
        self._end_again = self._log.frames() + self._end_pause
        self._end_pause = min(self._end_pause * 2, COPY_PAGES)

    def after_commit(self) -> None:
        """Called after each commit, in its turn. In the thread of commits or of the event loop."""
        frames = self._log.frames()
        if frames < self._frames:
            self._copied = self._copy_again = self._end_again = 0
            self._copy_pause = self._end_pause = AGAIN_PAGES
        self._frames = frames
        if frames < COPY_PAGES or frames < self._copy_again or not self._rests.is_set():
            return
        copied = self._log.copied_frames()
        if frames - copied > (LAST_PAGES if frames >= LOG_PAGES else COPY_PAGES):
            self._copy_pause = AGAIN_PAGES if copied > self._copied else min(self._copy_pause * 2, COPY_PAGES)
            self._copied = copied
            self._copy_again = frames + self._copy_pause
            self.order()

    def order(self) -> None:
        """Have the log copied soon, as far as nobody reads an older state of the file. In the thread of commits or of
        the event loop."""
        self._rests.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="magnetodb-log", daemon=True)
            self._thread.start()
        self._orders.put(True)

    def has_copied(self) -> bool:
        """Nothing is left to copy."""
        return self._log.copied_frames() >= self._log.frames()

    def stop(self) -> None:
        """Wait for the copying in hand."""
        if self._thread is not None:
            self._orders.put(False)
            self._thread.join()

    def close(self) -> None:
        """Close the connection that copies, the last one to the file, and then what else was opened: closing any
        descriptor of a file ends the locks that the process has on it."""
        self._connection.close()
        self._log.close()
        os.close(self._file)

    def _run(self) -> None:
        while self._orders.get():
            self._copy(self._connection)
            self._rests.set()

    def _copy(self, connection: sqlite3.Connection) -> None:
        """Copy, unless somebody is at it. SQLite before 3.51.3 may lose what was committed if a copy begins while there
        is nothing left to copy and the log begins anew (https://sqlite.org/wal.html#walresetbug). It begins anew only
        when all is copied; so where one copies at a time, and only if something is left, that cannot be."""
        if not self._copying.acquire(blocking=False):
            return
        try:
            if self._lock is not None and not self._lock.begin_copying():
                return
            try:
                if not self.has_copied():
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                    if connection is self._connection:
                        os.fdatasync(self._file)
            finally:
                if self._lock is not None:
                    self._lock.end_copying()
        except (sqlite3.Error, OSError) as error:
            _log.warning("The log cannot be copied into the data file yet: %s", error)
        finally:
            self._copying.release()
