"""What SQLite's errors mean for the caller."""

import sqlite3

from magnetodb.errors import StorageFull, StorageUnavailable

_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


def storage_error(error: Exception) -> Exception:
    """The storage error that says the same; `error` itself where it can only be a bug of ours."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return error
    primary = code & 0xFF  # The higher bits say what kind of input or output failed.
    if primary == sqlite3.SQLITE_FULL:
        return StorageFull(f"No space is left for the data file ({error}).")
    if primary in _UNAVAILABLE:
        return StorageUnavailable(f"The data file cannot be read or written: {error}.")
    return error


def is_busy(error: Exception) -> bool:
    """Another connection is in the way, for a moment."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY
