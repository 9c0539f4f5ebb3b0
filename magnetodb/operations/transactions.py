"""What both transactions share: how they are cancelled, and what one may hold."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from magnetodb.errors import (
    ConditionalCheckFailedException,
    ItemCollectionSizeLimitExceededException,
    ProvisionedThroughputExceededException,
    ServiceError,
    TransactionCanceledException,
    TransactionConflictException,
    ValidationException,
)
from magnetodb.model.items import StoredItem
from magnetodb.model.key_validation import NOT_VALID, UPDATES_INDEX_KEY_VALUE
from magnetodb.model.rows import RowKey
from magnetodb.model.table import Table
from magnetodb.storage.tables import TableInfo

TRANSACTION_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of all items in one transaction."""

TOO_LARGE: Final = "The aggregate size of the items in the transaction exceeds 4 MB"
SAME_ITEM: Final = "Transaction request cannot include multiple operations on one item"
CONFLICT: Final = "Transaction is ongoing for the item"

CODES: Final[dict[type[ServiceError], str]] = {
    ConditionalCheckFailedException: "ConditionalCheckFailed",
    ItemCollectionSizeLimitExceededException: "ItemCollectionSizeLimitExceeded",
    ProvisionedThroughputExceededException: "ProvisionedThroughputExceeded",
    TransactionConflictException: "TransactionConflict",
    ValidationException: "ValidationError",
}
"""What CancellationReasons call the errors that cancel a transaction."""

REFUSED_ALONE: Final = (NOT_VALID, UPDATES_INDEX_KEY_VALUE)
"""How errors begin that cancel no transaction, although they are found when it runs."""


def cancelled(reasons: Sequence[ServiceError | None]) -> ServiceError:
    """The error of a transaction that these errors cancel: one or None for each action, in their order. An error that
    cancels no transaction is returned itself: AWS refuses empty key values as if they stood alone, though it knows
    which attributes are keys only when the transaction runs."""
    for error in reasons:
        if error is not None and (type(error) not in CODES or error.message.startswith(REFUSED_ALONE)):
            return error
    codes = ", ".join("None" if error is None else CODES[type(error)] for error in reasons)
    return TransactionCanceledException(
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        CancellationReasons=[cancellation_reason(error) for error in reasons],
    )


def cancellation_reason(error: ServiceError | None) -> dict[str, Any]:
    """One member of CancellationReasons; it has the members of the error, such as Item."""
    if error is None:
        return {"Code": "None"}
    return {"Code": CODES[type(error)], **error.members, "Message": error.message}


def check_admission(infos: Sequence[TableInfo], admit: Callable[[Table], None]) -> None:
    """Raise TransactionCanceledException if the table of any action is over its throughput, which is enforced."""
    reasons: list[ServiceError | None] = []
    for info in infos:
        reasons.append(None)
        try:
            admit(info.table)
        except ProvisionedThroughputExceededException as error:
            reasons[-1] = error
    if any(reasons):
        raise cancelled(reasons)


def conflicting(count: int, position: int) -> ServiceError:
    """The error of a transaction of `count` actions of which the one at `position` met others too often."""
    return cancelled([TransactionConflictException(CONFLICT) if each == position else None for each in range(count)])


def check_distinct(keys: Sequence[RowKey]) -> None:
    """Raise ValidationException if two actions have the same item."""
    if len(set(keys)) != len(keys):
        raise ValidationException(SAME_ITEM)


def check_size(items: Sequence[StoredItem | None]) -> None:
    """Raise ValidationException if the items are too large together."""
    if sum([item.size for item in items if item is not None]) > TRANSACTION_BYTES_MAX:
        raise ValidationException(TOO_LARGE)
