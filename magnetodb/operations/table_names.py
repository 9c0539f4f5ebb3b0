"""Names and ARNs of tables: arn:aws:dynamodb:REGION:ACCOUNT:table/NAME, and /index/INDEX behind it for an index."""

import re
from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.errors import AccessDeniedException, ValidationException
from magnetodb.operations.shapes import TABLE_NAME_LENGTH_MAX, TABLE_NAME_LENGTH_MIN, TABLE_NAME_PATTERN

_TABLE_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:dynamodb:(?P<region>[a-z0-9-]+):(?P<account_id>[0-9]{12}):table/"
    rf"(?P<name>(?=.{{{TABLE_NAME_LENGTH_MIN},{TABLE_NAME_LENGTH_MAX}}}$){TABLE_NAME_PATTERN})"
)


def table_arn(context: RequestContext, name: str) -> str:
    """The ARN of a table of the caller."""
    return f"arn:aws:dynamodb:{context.region}:{context.account_id}:table/{name}"


def index_arn(context: RequestContext, name: str, index: str) -> str:
    """The ARN of an index of such a table."""
    return f"{table_arn(context, name)}/index/{index}"


def resolve_table_arn(context: RequestContext, request: dict[str, Any]) -> bool:
    """Put the plain name where the request gave the table's ARN; whether it did. Raises ValidationException for what
    is no table's ARN or one of another region, AccessDeniedException for one of another account."""
    given = request.get("TableName")
    if type(given) is not str or not given.startswith("arn:"):
        return False
    arn = _TABLE_ARN.fullmatch(given)
    if arn is None:
        raise ValidationException(f"Invalid TableArn: {given}")
    if arn["region"] != context.region:
        raise ValidationException(f"Invalid TableArn: {given} is not in region {context.region}")
    if arn["account_id"] != context.account_id:
        raise AccessDeniedException(
            f"User: arn:aws:iam::{context.account_id}:user/{context.user} is not authorized to access resource: {given}"
            " because no resource-based policy allows it"
        )
    request["TableName"] = arn["name"]
    return True
