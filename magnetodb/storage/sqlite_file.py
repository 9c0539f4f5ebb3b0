"""The data directory: who may open it, what its file must be, and how a connection to it is set up."""

import contextlib
import fcntl
import os
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from magnetodb.errors import DataFileError
from magnetodb.storage.log_copier import LogCopier
from magnetodb.storage.log_sync import LogSync
from magnetodb.storage.other_processes import OtherProcesses
from magnetodb.storage.writer_lock import WriterLock, is_shared

FILE_NAME = "magnetodb.sqlite"
LOCK_NAME = "magnetodb.lock"

APPLICATION_ID = int.from_bytes(b"MgDB", "big")
"""Says in the file's header whose file it is. Written to disk: do not change."""

FORMAT = 1
"""Format of the file (SQLite's user_version). A server refuses files of a newer format."""

PAGE_BYTES = 4096
"""Every write of an item writes whole pages to the log; pages twice as large make it a third slower."""

WORKERS_SECONDS = 0.05
WORKERS_SECONDS_MAX = 5.0
"""Worker processes whose parent was killed end soon: so often, and so long, it is looked whether they have."""

CACHE_KIBIBYTES = 8192
"""Page cache of each of the two connections."""

LOG_BYTES_MAX = 64 * 1024 * 1024
"""A log that grew larger than this is cut back."""

SCHEMA = """
CREATE TABLE row_tables (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    dropped INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE rows (
    table_id INTEGER NOT NULL,
    token INTEGER NOT NULL,
    partition BLOB NOT NULL,
    sort BLOB NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (table_id, token, partition, sort)
) WITHOUT ROWID;
"""


class SqliteFile(NamedTuple):
    """An opened data file: the lock that keeps other processes out (None: it is only read, or shared), two connections
    in autocommit mode, what copies the log (None: it is only read), the other processes that have it open (None: it is
    ours alone), and what brings the log to the disk (None: COMMIT does, or nothing)."""

    path: Path
    lock: int | None
    writer: sqlite3.Connection
    reader: sqlite3.Connection
    copier: LogCopier | None = None
    others: OtherProcesses | None = None
    sync: LogSync | None = None

    def close(self) -> None:
        """Close the connections, then let other processes in."""
        self.reader.close()
        self.writer.close()
        if self.copier is not None:
            self.copier.close()
        if self.sync is not None:
            self.sync.close()
        if self.others is not None:
            self.others.close()
        if self.lock is not None:
            os.close(self.lock)


def open_file(directory: Path, *, durable: bool = True, pages_max: int | None = None) -> SqliteFile:
    """Open the file in `directory` for this process alone; both are made if they are missing.

    Raises DataFileError with a sentence for the operator: the directory cannot be written, another process has it, the
    file is another program's or a newer version's.
    """
    path = directory / FILE_NAME
    with contextlib.ExitStack() as undo:
        lock = lock_directory(directory)
        undo.callback(os.close, lock)
        writer, reader, copier = _connections(path, durable, pages_max, undo)
        _copy_log(writer)
        undo.pop_all()
    return SqliteFile(path, lock, writer, reader, copier)


def share_file(directory: Path, *, durable: bool = True, pages_max: int | None = None) -> SqliteFile:
    """Open the file in `directory` as one of several processes, for whom another one holds `lock_directory`. Raises
    DataFileError as `open_file` does."""
    path = directory / FILE_NAME
    with contextlib.ExitStack() as undo:
        lock = WriterLock(directory)
        undo.callback(lock.close)
        # One after the other: the first one makes the file, or recovers it.
        lock.wait()
        writer, reader, copier = _connections(path, durable, pages_max, undo, lock)
        if lock.alone:
            _copy_log(writer)
        lock.leave()
        others = OtherProcesses(lock, copier.log, fsync=durable)
        sync = None
        if durable:
            writer.execute("PRAGMA synchronous = NORMAL")
            try:
                sync = LogSync(path, others)
            except OSError as error:
                raise DataFileError(f"The log of {path} cannot be opened: {error.strerror}.") from error
        undo.pop_all()
    return SqliteFile(path, None, writer, reader, copier, others, sync)


def read_file(directory: Path) -> SqliteFile:
    """Open the file in `directory` to read it while a server has it, or none. What is written through either connection
    fails. Raises DataFileError as `open_file` does, and if there is no file."""
    path = directory / FILE_NAME
    if not path.is_file():
        raise DataFileError(f"There is no data file in {directory}.")
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        with contextlib.ExitStack() as undo:
            undo.callback(connection.close)
            if is_empty(connection, path):
                raise DataFileError(f"The data file {path} is empty.")
            undo.pop_all()
    except sqlite3.Error as error:
        raise DataFileError(f"The data file {path} cannot be opened: {error}.") from error
    return SqliteFile(path, None, connection, connection)


def lock_directory(directory: Path) -> int:
    """Take the directory for this process, for as long as the file descriptor returned, or a copy of it that a fork
    has made, is open. Waits a moment for processes that shared it and lost their parent. Raises DataFileError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise DataFileError(f"The data directory {directory} cannot be written: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise DataFileError(f"The data directory {directory} is in use by another server (process {owner}).") from None
    except OSError as error:
        os.close(lock)
        raise DataFileError(f"The data directory {directory} cannot be locked: {error.strerror}.") from error
    deadline = time.monotonic() + WORKERS_SECONDS_MAX
    while is_shared(directory):
        if time.monotonic() > deadline:
            os.close(lock)
            raise DataFileError(
                f"The data directory {directory} is in use by worker processes of a server that has ended."
            )
        time.sleep(WORKERS_SECONDS)
    return lock


def _connections(
    path: Path, durable: bool, pages_max: int | None, undo: contextlib.ExitStack, lock: WriterLock | None = None
) -> tuple[sqlite3.Connection, sqlite3.Connection, LogCopier]:
    """Writer, reader and what copies the log, closed by `undo`."""

    def connect() -> sqlite3.Connection:
        connection = _connect(path, durable)
        undo.callback(connection.close)
        return connection

    try:
        writer, reader = connect(), connect()
        if durable:
            _sync_log(path)
        if pages_max is not None:
            writer.execute(f"PRAGMA max_page_count = {pages_max:d}")
        copier = LogCopier(path, connect(), writer, lock)
    except (sqlite3.Error, OSError) as error:
        raise DataFileError(f"The data file {path} cannot be opened: {error}.") from error
    return writer, reader, copier


def _sync_log(path: Path) -> None:
    """Bring to the disk what a process has left in the log that was killed before it did so itself."""
    try:
        log = os.open(f"{path}-wal", os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fdatasync(log)
    finally:
        os.close(log)


def _copy_log(writer: sqlite3.Connection) -> None:
    """Of what was left in the log, put all that can be into the data file, and that on the disk. If an fsync of the log
    has failed before, the next one tells nothing: the system may hold what it could not write for written."""
    try:
        writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error as error:
        raise DataFileError(f"The log cannot be copied into the data file: {error}.") from error


def _connect(path: Path, durable: bool) -> sqlite3.Connection:
    """A connection to the file, which is made or refused first."""
    # Every bytes parameter that has no adapter costs the making of an AttributeError, half of a point read. This one
    # gives the object itself.
    sqlite3.register_adapter(bytes, bytes)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    with contextlib.ExitStack() as undo:
        undo.callback(connection.close)
        _prepare(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # See LogCopier.
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_MAX}")
        # Some builds overwrite whatever is deleted with zeros, which doubles the work of emptying a table.
        connection.execute("PRAGMA secure_delete = OFF")
        undo.pop_all()
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that the file is ours, or make it so if it is empty. A file of another kind is left as it is."""
    if is_empty(connection, path):
        _initialise(connection, path)


def is_empty(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether nothing was ever written to the file. Raises DataFileError for a file that is not ours."""
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        raise DataFileError(f"The data file {path} is not a MagnetoDB data file.") from error
    if application == 0 and objects == 0:
        return True
    if application != APPLICATION_ID:
        raise DataFileError(f"The data file {path} belongs to another program.")
    if version > FORMAT:
        raise DataFileError(
            f"The data file {path} has format {version}; this version of MagnetoDB knows formats up to {FORMAT}. "
            "Use the version that wrote it, or a newer one."
        )
    return False


def _initialise(connection: sqlite3.Connection, path: Path) -> None:
    """Write the schema. A crash before its COMMIT leaves an empty file, which is initialised again."""
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(
        f"BEGIN;{SCHEMA}PRAGMA application_id = {APPLICATION_ID};PRAGMA user_version = {FORMAT};COMMIT;"
    )
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
