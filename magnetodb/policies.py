"""Who may run which operation: a role either runs everything, or only what reads.

Roles come from the access key (or from the token service); a caller may do what any of their roles may.
"""

from typing import Final

from magnetodb.context import RequestContext
from magnetodb.errors import AccessDeniedException

ADMIN: Final = "admin"
MEMBER: Final = "member"
READER: Final = "reader"
ROLES: Final = frozenset({ADMIN, MEMBER, READER})

_WRITING_ROLES: Final = frozenset({ADMIN, MEMBER})

READ_OPERATIONS: Final = frozenset(
    {
        "BatchGetItem",
        "DescribeContinuousBackups",
        "DescribeEndpoints",
        "DescribeLimits",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetItem",
        "ListTables",
        "ListTagsOfResource",
        "Query",
        "Scan",
        "TransactGetItems",
    }
)
"""What role reader may run. An operation that is not listed needs role member or admin."""


def authorize(context: RequestContext, operation: str) -> None:
    """Return if the caller may run the operation, else raise AccessDeniedException with AWS's words."""
    if not _WRITING_ROLES.isdisjoint(context.roles):
        return
    if READER in context.roles and operation in READ_OPERATIONS:
        return
    raise AccessDeniedException(
        f"User: arn:aws:iam::{context.account_id}:user/{context.user} is not authorized to perform: "
        f"dynamodb:{operation} on resource: arn:aws:dynamodb:{context.region}:{context.account_id}:*"
    )
