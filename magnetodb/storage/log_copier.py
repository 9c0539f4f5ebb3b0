"""Copies the write-ahead log into the data file beside the traffic, in a thread and through a connection of its own."""

import logging
import sqlite3
import threading
from queue import SimpleQueue

_log = logging.getLogger(__name__)


class LogCopier:
    """All methods belong to the event loop's thread."""

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self._connection = connection
        self._orders: SimpleQueue[bool] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def order(self) -> None:
        """Have the log copied soon, as far as nobody reads an older state of the file."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="magnetodb-log", daemon=True)
            self._thread.start()
        self._orders.put(True)

    def close(self) -> None:
        """Wait for the copying in hand."""
        if self._thread is not None:
            self._orders.put(False)
            self._thread.join()

    def _run(self) -> None:
        assert self._connection is not None
        while self._orders.get():
            try:
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except sqlite3.Error as error:
                _log.warning("The log cannot be copied into the data file yet: %s", error)
