"""What the exceptions of cassandra-driver say about the effect of a call."""

import logging
from typing import Final

import cassandra
from cassandra import WriteType
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage

from magnetodb.storage.cassandra.session_errors import (
    BatchInLog,
    BatchLogUnreached,
    Busy,
    CassandraError,
    OutcomeUnknown,
    Refused,
    TableGone,
    TooLarge,
)

TABLE_GONE: Final = ("does not exist", "unconfigured table", "No keyspace has been specified")
TOO_LARGE: Final = ("Batch too large", "oversized", "exceeds maximum", "too big", "too large")
"""Parts of messages of InvalidRequest, for which the protocol has no codes."""

_log = logging.getLogger(__name__)


def cassandra_error(error: BaseException, *, read: bool, logged: bool = False) -> CassandraError:
    """What a call has come to that ended with `error`. `read`: it only reads, and is no lightweight transaction.
    `logged`: it is a logged batch."""
    words = _words(error)
    match error:
        case cassandra.InvalidRequest():
            return _invalid(words)
        case cassandra.Unavailable():
            # Of a logged batch: perhaps only the batchlog finds too few nodes.
            return BatchLogUnreached(words) if logged else Refused(words)
        case cassandra.WriteTimeout() | cassandra.WriteFailure():
            return _write_failed(error.write_type, words)
        case cassandra.Unauthorized() | IsBootstrappingErrorMessage():
            return Refused(words)
        case NoHostAvailable():
            # Calls that write are sent once; what is told here are nodes to which it could not be sent.
            return Refused(words)
        case OverloadedErrorMessage() if read:
            return Busy(words)
    if not isinstance(error, cassandra.DriverException | ConnectionException):
        _log.warning("Cassandra answered what is not foreseen: %s", words)
    return Refused(words) if read else OutcomeUnknown(words)


def prepare_error(error: BaseException) -> CassandraError:
    """What a call has come to of which a statement could not be prepared: nothing of it was sent."""
    words = _words(error)
    return _invalid(words) if isinstance(error, cassandra.InvalidRequest) else Refused(words)


def _invalid(words: str) -> CassandraError:
    if any(part in words for part in TABLE_GONE):
        return TableGone(words)
    if any(part in words for part in TOO_LARGE):
        return TooLarge(words)
    _log.error("Cassandra refused a statement: %s", words)
    return Refused(words)


def _write_failed(write_type: int | None, words: str) -> CassandraError:
    if write_type == WriteType.BATCH:
        return BatchInLog(words)
    if write_type == WriteType.BATCH_LOG:
        return BatchLogUnreached(words)
    return OutcomeUnknown(words)


def _words(error: BaseException) -> str:
    """The message, without the addresses of nodes: those who ask read it."""
    match error:
        case NoHostAvailable():
            return "no node takes requests now"
        case cassandra.OperationTimedOut():
            return "no answer in time"
        case ConnectionException():
            return "the connection to a node has ended"
    return str(error) or type(error).__name__
