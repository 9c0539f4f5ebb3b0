"""Copies of the data file: made while a server works on it, verified, and put in its place again."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from magnetodb.errors import DataFileError
from magnetodb.storage.sqlite_file import FILE_NAME, is_empty, lock_directory, read_file

COPY_PAGES: Final = 1024
"""So many pages are copied between two calls of `progress`."""

COPY_BYTES: Final = 4 * 1024 * 1024

Progress = Callable[[int, int], None]
"""Called with what is done and what is to be done in all."""


def backup(directory: Path, target: Path, *, progress: Progress) -> int:
    """Copy the data file in `directory`, as it is at one moment, to `target`, verify the copy, and return its bytes.

    A server may work on the file. `target` appears when the copy is complete and on the disk; one that is there already
    is replaced then. Raises DataFileError.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        source = read_file(directory)
        with contextlib.ExitStack() as undo:
            undo.callback(source.close)
            undo.callback(partial.unlink, missing_ok=True)
            partial.unlink(missing_ok=True)
            _copy_pages(source.reader, partial, progress)
            verify(partial)
            _sync(partial)
            partial.replace(target)
            _sync(target.parent)
        return target.stat().st_size
    except (OSError, sqlite3.Error) as error:
        raise DataFileError(f"The backup {target} cannot be made: {error}.") from error


def restore(directory: Path, source: Path, *, force: bool, progress: Progress) -> int:
    """Put a backup in the place of the data file in `directory`, and return its bytes.

    Until the copy is complete and on the disk, what was there stays. Raises DataFileError: for what is no sound backup;
    while a server has the directory; unless `force`, where there is a data file already.
    """
    if not source.is_file():
        raise DataFileError(f"There is no file {source}.")
    log = source.with_name(source.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise DataFileError(f"{source} is no backup: its last writes are in {log} beside it.")
    verify(source)
    path = directory / FILE_NAME
    lock = lock_directory(directory)
    try:
        if path.exists() and not force:
            raise DataFileError(f"There is a data file already: {path}. Only --force replaces it.")
        partial = path.with_name(path.name + ".restoring")
        try:
            _copy_bytes(source, partial, progress)
            _put_in_place(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        return path.stat().st_size
    except OSError as error:
        raise DataFileError(f"{source} cannot be restored: {error}.") from error
    finally:
        os.close(lock)


def verify(path: Path) -> None:
    """Read the whole file. Raises DataFileError unless it is a data file of ours, of a known format, and sound."""
    problem = ""
    try:
        # Immutable: no file is made beside it, and none that is there by accident is looked at.
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
        with contextlib.closing(connection):
            if is_empty(connection, path):
                raise DataFileError(f"{path} is empty.")
            ((problem,), *_) = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        problem = str(error)
    if problem != "ok":
        raise DataFileError(f"{path} is not sound: {problem}.")


def _copy_pages(source: sqlite3.Connection, target: Path, progress: Progress) -> None:
    # While it holds this snapshot, what the server commits does not make the copy begin again.
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    with contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy, pages=COPY_PAGES, progress=lambda _, left, total: progress(total - left, total))
        # Of one file, which any program can open, on media where nothing can be made beside it too.
        copy.execute("PRAGMA journal_mode = DELETE")
    source.execute("COMMIT")


def _copy_bytes(source: Path, target: Path, progress: Progress) -> None:
    total, done = source.stat().st_size, 0
    with source.open("rb") as reading, target.open("wb") as writing:
        while part := reading.read(COPY_BYTES):
            writing.write(part)
            done += len(part)
            progress(done, total)
        writing.flush()
        os.fsync(writing.fileno())
    shutil.copymode(source, target)


def _put_in_place(new: Path, path: Path) -> None:
    """A crash between any two steps leaves either file whole. The log of the old one must be gone before the new one
    comes, or it would be taken for the new one's."""
    log, shared = path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
    if path.exists():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    log.unlink(missing_ok=True)
    shared.unlink(missing_ok=True)
    _sync(path.parent)
    new.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
