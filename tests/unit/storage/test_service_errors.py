import pytest

from magnetodb.errors import (
    InternalServerError,
    ResourceNotFoundException,
    RowTableNotFound,
    ServiceUnavailable,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageUnavailable,
    ThrottlingException,
)
from magnetodb.storage.service_errors import service_error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (RowTableNotFound("t_1"), ResourceNotFoundException, "Requested resource not found"),
        (StorageBusy("Too many."), ThrottlingException, "Rate of requests exceeds the allowed throughput. Too many."),
        (StorageFull("No space."), InternalServerError, "Nothing was written. No space. Reads are served."),
        (StorageUnavailable("Gone."), ServiceUnavailable, "Gone."),
        (StorageError("Odd."), InternalServerError, "Odd."),
    ],
)
def test_storage_errors_get_dynamodbs_names(error, kind, message):
    told = service_error(error)

    assert (kind, message) == (type(told), told.message)
