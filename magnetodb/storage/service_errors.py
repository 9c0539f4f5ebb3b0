"""What a caller is told when the storage fails: always an error that the SDKs try again."""

from magnetodb.errors import (
    InternalServerError,
    ResourceNotFoundException,
    RowTableNotFound,
    ServiceError,
    ServiceUnavailable,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageUnavailable,
    ThrottlingException,
)


def service_error(error: StorageError) -> ServiceError:
    """The error under DynamoDB's name that says the same.

    A dropped row table is a table that was deleted after the request found it. A full disk is an InternalServerError:
    DynamoDB has no error for it, and this one is tried again and carries words.
    """
    if isinstance(error, RowTableNotFound):
        return ResourceNotFoundException("Requested resource not found")
    if isinstance(error, StorageBusy):
        return ThrottlingException(f"Rate of requests exceeds the allowed throughput. {error}")
    if isinstance(error, StorageFull):
        return InternalServerError(f"Nothing was written. {error} Reads are served.")
    if isinstance(error, StorageUnavailable):
        return ServiceUnavailable(str(error))
    return InternalServerError(str(error))
