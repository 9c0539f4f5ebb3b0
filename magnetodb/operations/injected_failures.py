"""Failures on demand, so that users can test their retries: the next calls of an operation fail before they begin.

TransactWriteItems:TransactionConflict:3     the next three calls of TransactWriteItems
*:ThrottlingException:10                     the next ten calls of any operation
"""

from collections.abc import Collection, Iterable
from typing import Any, Final, Self

from magnetodb.errors import (
    InternalServerError,
    ProvisionedThroughputExceededException,
    RequestLimitExceeded,
    ServiceError,
    ThrottlingException,
    TransactionConflictException,
)
from magnetodb.operations.throughput import TABLE_EXCEEDED
from magnetodb.operations.transactions import CONFLICT, conflicting

ANY_OPERATION: Final = "*"
CONFLICT_NAME: Final = "TransactionConflict"

ERRORS: Final[dict[str, ServiceError]] = {
    "InternalServerError": InternalServerError("Internal server error"),
    "ProvisionedThroughputExceededException": ProvisionedThroughputExceededException(TABLE_EXCEEDED),
    "RequestLimitExceeded": RequestLimitExceeded("Throughput exceeds the current throughput limit for your account."),
    "ThrottlingException": ThrottlingException("Rate of requests exceeds the allowed throughput."),
    CONFLICT_NAME: TransactionConflictException(CONFLICT),
}
"""What calls can fail with, by the names that the option takes."""

CONFLICTING_OPERATIONS: Final = frozenset(
    {"DeleteItem", "PutItem", "TransactGetItems", "TransactWriteItems", "UpdateItem"}
)
"""What can fail with a conflict: a transaction is cancelled, a write gets TransactionConflictException."""


class InjectedFailures:
    """What the next calls fail with; belongs to one cell."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: list[tuple[str, str, int]] = []

    @classmethod
    def parsed(cls, texts: Iterable[str], operations: Collection[str]) -> Self:
        """Of texts OPERATION:ERROR:COUNT. Raises ValueError, whose message is for an operator."""
        failures = cls()
        for text in texts:
            operation, _, rest = text.partition(":")
            error, _, count = rest.partition(":")
            if operation not in operations and operation != ANY_OPERATION:
                raise ValueError(f"'{text}': there is no operation '{operation}'.")
            if error not in ERRORS:
                raise ValueError(f"'{text}': the error must be one of {', '.join(ERRORS)}.")
            if error == CONFLICT_NAME and operation not in CONFLICTING_OPERATIONS:
                raise ValueError(f"'{text}': only {', '.join(sorted(CONFLICTING_OPERATIONS))} can have conflicts.")
            if not (count.isascii() and count.isdigit()):
                raise ValueError(f"'{text}' is not OPERATION:ERROR:COUNT.")
            failures.add(operation, error, int(count))
        return failures

    def add(self, operation: str, error: str, count: int) -> None:
        """Let the next `count` calls of the operation ("*": of any) fail, after those that were added before."""
        if count > 0:
            self._left.append((operation, error, count))

    def check(self, operation: str, request: dict[str, Any]) -> None:
        """Raise what the call must fail with, if it must."""
        for position, (matching, error, count) in enumerate(self._left):
            if matching in (operation, ANY_OPERATION):
                if count > 1:
                    self._left[position] = (matching, error, count - 1)
                else:
                    del self._left[position]
                raise failure(error, request)


def failure(error: str, request: dict[str, Any]) -> ServiceError:
    """A new error of that name; a conflict is of the first action, where the request is a transaction."""
    actions = request.get("TransactItems")
    if error == CONFLICT_NAME and actions is not None:
        return conflicting(len(actions), 0)
    example = ERRORS[error]
    return type(example)(example.message)
