"""Every error that a caller can get, under DynamoDB's own names.

    ServiceError                                  anything that is answered as an error
    ├── RequestError                              the request as HTTP or JSON is wrong
    │   ├── SerializationException
    │   ├── UnknownOperationException
    │   ├── RequestEntityTooLarge
    │   └── InvalidAction                         no X-Amz-Target, wrong method or path
    ├── AuthenticationError                       who asks is not known, or may not
    │   ├── MissingAuthenticationTokenException
    │   ├── IncompleteSignatureException
    │   ├── UnrecognizedClientException
    │   ├── InvalidSignatureException
    │   └── AccessDeniedException
    ├── ValidationException
    ├── ModeledError                              errors of botocore's service model
    │   ├── ResourceNotFoundException  ResourceInUseException  TableNotFoundException  TableAlreadyExistsException
    │   ├── LimitExceededException  RequestLimitExceeded  ProvisionedThroughputExceededException
    │   ├── ConditionalCheckFailedException       member Item when asked for
    │   ├── ItemCollectionSizeLimitExceededException
    │   ├── TransactionCanceledException  TransactionConflictException  TransactionInProgressException
    │   └── IdempotentParameterMismatchException
    ├── ThrottlingException                       retryable: too much at once
    ├── ServiceUnavailable                        retryable: the storage cannot be reached
    └── InternalServerError                       retryable: the outcome may be unknown

    StorageError                                  what drivers raise; the manager or the door turns it into the above
    ├── StorageUnavailable  StorageFull  StorageBusy
    ├── RowTableNotFound                          the table was dropped
    ├── DataFileError                             the data file cannot be opened; a sentence for the operator
    └── ClusterError                              the cluster cannot be used as it is; a sentence for the operator

Only `api/` knows status codes and `__type` prefixes.
"""


class ServiceError(Exception):
    """`message` is what the caller reads; `members` are further members of the error body."""

    def __init__(self, message: str = "", **members: object) -> None:
        super().__init__(message)
        self.message = message
        self.members = members


class RequestError(ServiceError):
    """The request as HTTP or JSON is wrong."""


class SerializationException(RequestError):
    """The body is not JSON, or a member has another JSON type than its shape."""


class UnknownOperationException(RequestError):
    """X-Amz-Target names no operation that is served here."""


class RequestEntityTooLarge(RequestError):
    """The body is larger than 16 MB."""


class InvalidAction(RequestError):
    """The request is none of DynamoDB's protocol."""


class AuthenticationError(ServiceError):
    """Who asks is not known, or may not."""


class MissingAuthenticationTokenException(AuthenticationError):
    """No signature where one is needed."""


class IncompleteSignatureException(AuthenticationError):
    """The Authorization header lacks a part."""


class UnrecognizedClientException(AuthenticationError):
    """The access key or session token is not known."""


class InvalidSignatureException(AuthenticationError):
    """The signature, its scope or its date is wrong."""


class AccessDeniedException(AuthenticationError):
    """The caller is known and may not do this."""


class ValidationException(ServiceError):
    """The request breaks a rule of DynamoDB."""


class ModeledError(ServiceError):
    """An error that botocore's service model declares."""


class ResourceNotFoundException(ModeledError):
    """No such table, index or resource."""


class ResourceInUseException(ModeledError):
    """The table exists already, or is being changed."""


class TableNotFoundException(ModeledError):
    """No such table (operations on backups and imports)."""


class TableAlreadyExistsException(ModeledError):
    """The target table exists (operations on backups and imports)."""


class LimitExceededException(ModeledError):
    """Too many control plane operations or resources."""


class RequestLimitExceeded(ModeledError):
    """Too many requests of the account."""


class ProvisionedThroughputExceededException(ModeledError):
    """Over the table's provisioned throughput."""


class ConditionalCheckFailedException(ModeledError):
    """The condition is false; member Item has the item when asked for."""


class ItemCollectionSizeLimitExceededException(ModeledError):
    """An item collection of a table with local indexes is over 10 GB."""


class TransactionCanceledException(ModeledError):
    """The whole transaction was refused; member CancellationReasons says why, action by action."""


class TransactionConflictException(ModeledError):
    """The item is part of a transaction in progress."""


class TransactionInProgressException(ModeledError):
    """The transaction with this token is still running."""


class IdempotentParameterMismatchException(ModeledError):
    """The token was used with another request."""


class ThrottlingException(ServiceError):
    """Too much at once; retry."""


class ServiceUnavailable(ServiceError):
    """The storage cannot be reached; retry."""


class InternalServerError(ServiceError):
    """A bug, or an outcome that is not known; retry."""


class StorageError(Exception):
    """What drivers raise. `outcomes` says what became of the batches of a commit of which one failed, in their order:
    as a commit returns them, None for those that were not written because of an error; empty if nothing was written."""

    outcomes: tuple[object, ...] = ()


class StorageUnavailable(StorageError):
    """The storage cannot be reached, or failed in a way that leaves its state as it was."""


class StorageFull(StorageError):
    """No space is left; nothing was written."""


class StorageBusy(StorageError):
    """More is waiting than the bound allows; nothing was written."""


class RowTableNotFound(StorageError):
    """The row table was dropped, or never made."""


class DataFileError(StorageError):
    """The data file cannot be opened: in use, not writable, another program's, too new. The message says which."""


class ClusterError(StorageError):
    """The Cassandra cluster cannot be used as it is: not reached, not let in, too old, not set up. The message says
    which, and what to do."""
