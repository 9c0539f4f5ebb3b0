"""One line of JSON for each request, where an operator asks for it: who asked for what, and how it went. Never a value
of an item, a key of one, or anything secret.

Lines are written by a thread, so that a slow disk or terminal holds nobody up.
"""

import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO, Final, Self

import orjson

from magnetodb.errors import StorageUnavailable

STANDARD_ERROR: Final = "-"

WAITING_LINES_MAX: Final = 100_000
"""When so many wait, further ones are dropped and counted."""

WRITE_LINES_MAX: Final = 1000
"""So many lines are written at once."""

NAME_LENGTH_MAX: Final = 255
TABLES_MAX: Final = 10
"""Of a request on many tables so many are named."""


class RequestLog:
    """An open log. `write` belongs to one thread."""

    def __init__(self, file: BinaryIO) -> None:
        self.dropped = 0
        self._file = file
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: str) -> Self:
        """A log that is appended to the file of that path; "-" is standard error. Raises StorageUnavailable."""
        if path == STANDARD_ERROR:
            return cls(sys.stderr.buffer)
        try:
            return cls(Path(path).open("ab", buffering=0))
        except OSError as error:
            raise StorageUnavailable(f"The request log {path} cannot be written: {error.strerror}.") from error

    def write(
        self,
        *,
        request_id: str,
        operation: str,
        parameters: Mapping[str, Any],
        user: str,
        status: int,
        error: str,
        microseconds: int,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        """Queue the line of one request."""
        if self._lines.qsize() >= WAITING_LINES_MAX:
            self.dropped += 1
            return
        line: dict[str, Any] = {
            "time": round(time.time(), 6),
            "request_id": request_id,
            "operation": operation,
            "table": named_tables(parameters),
            "user": user,
            "status": status,
            "error": error or None,
            "microseconds": microseconds,
            "bytes_in": bytes_in,
            "bytes_out": bytes_out,
        }
        if self.dropped:
            line["dropped_before"] = self.dropped
            self.dropped = 0
        self._lines.put(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._lines.put(None)
        self._thread.join()
        if self._file is not sys.stderr.buffer:
            self._file.close()

    def _run(self) -> None:
        lines = self._lines
        while (line := lines.get()) is not None:
            gathered = [line]
            ended = False
            while len(gathered) < WRITE_LINES_MAX and not ended:
                try:
                    more = lines.get_nowait()
                except Empty:
                    break
                ended = more is None
                if more is not None:
                    gathered.append(more)
            self._write(b"".join(gathered))
            if ended:
                return

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
        except (OSError, ValueError):
            # A full disk must not stop the service; the gap in the log is all that can be said.
            self.dropped += data.count(b"\n")


def named_tables(parameters: Mapping[str, Any]) -> str | list[str] | None:
    """The table that a request names, or the tables. What a hostile request has in their place is not shown."""
    name = parameters.get("TableName") or parameters.get("ResourceArn")
    if name is not None:
        return name[:NAME_LENGTH_MAX] if type(name) is str else None
    items = parameters.get("RequestItems")
    if type(items) is dict:
        return [table[:NAME_LENGTH_MAX] for table in list(items)[:TABLES_MAX]]
    actions = parameters.get("TransactItems")
    if type(actions) is not list:
        return None
    names = {
        action["TableName"][:NAME_LENGTH_MAX]
        for each in actions[:TABLES_MAX]
        if type(each) is dict
        for action in each.values()
        if type(action) is dict and type(action.get("TableName")) is str
    }
    return sorted(names)
