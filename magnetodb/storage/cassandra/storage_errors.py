"""What the storage floor is told of a call that brought no result."""

from typing import Final

from magnetodb.errors import RowTableNotFound, StorageBusy, StorageError, StorageUnavailable
from magnetodb.storage.cassandra.session_errors import Busy, CassandraError, OutcomeUnknown, TableGone, TooLarge

UNKNOWN: Final = "It is not known whether the write has happened: Cassandra did not answer in time."
NOT_WRITTEN: Final = "Nothing was written: Cassandra did not answer in time."
NOT_KNOWN: Final = "A node of Cassandra does not know a table yet."


def storage_error(error: CassandraError) -> StorageError:
    """The error of the storage floor that says the same."""
    if isinstance(error, OutcomeUnknown):
        return StorageError(UNKNOWN)
    if isinstance(error, Busy):
        return StorageBusy(str(error) or "Too many requests are under way.")
    if isinstance(error, TableGone):
        return RowTableNotFound(str(error))
    if isinstance(error, TooLarge):
        return StorageError(f"Cassandra refuses a message of this size: {error}")
    return StorageUnavailable(f"Cassandra refused the request: {error}")


def not_written(error: CassandraError) -> StorageError:
    """As `storage_error`, of a call on the way to a write that has not happened and will not."""
    return StorageUnavailable(NOT_WRITTEN) if isinstance(error, OutcomeUnknown) else storage_error(error)
