"""Tags of tables: their rules, and the table that a ResourceArn names. Tags are members of table_info, so they go with
their table.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TaggingRestrictions.html
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.errors import ResourceInUseException, ValidationException
from magnetodb.model.table import Table
from magnetodb.operations.cell import Cell
from magnetodb.operations.table_names import resolve_table_arn

TAGS_MAX: Final = 50
"""Of a table."""

CHANGE_ATTEMPTS_MAX: Final = 8
"""Other changes of the same table may come first so often."""

RESERVED_PREFIX: Final = "aws:"

_ALLOWED: Final = re.compile(r"[\w\s+\-=._:/@]*")
"""Letters, white space and numbers of every script, and a few special characters."""

_NOT_ALLOWED: Final = re.compile(r"[^\w\s+\-=._:/@]")

Tags = dict[str, str]


async def tagged_table(cell: Cell, context: RequestContext, arn: str) -> Table:
    """The caller's table of that ARN. Raises as `check_arn` does, and ResourceNotFoundException."""
    name = check_arn(context, arn)
    # The word is spelled as AWS spells it.
    missing = f"Requested resource not found: ResourcArn: {arn} not found"
    return (await cell.tables.newest(context.project, name, missing=missing)).table


def check_arn(context: RequestContext, arn: str) -> str:
    """The name of the caller's table of that ARN, whether it exists or not. Raises ValidationException for what is no
    ARN of a table, AccessDeniedException for one of another account."""
    if not arn.startswith("arn:"):
        raise _invalid_arn(arn)
    named = {"TableName": arn}
    try:
        resolve_table_arn(context, named)
    except ValidationException:
        raise _invalid_arn(arn) from None
    return named["TableName"]


async def change_tags(cell: Cell, context: RequestContext, arn: str, changed: Callable[[Tags], Tags]) -> None:
    """Store what `changed`, which may be called again, makes of the table's tags. Raises what it raises, and as
    `tagged_table` does, and ResourceInUseException where other changes came first too often."""
    for attempt in range(1, CHANGE_ATTEMPTS_MAX + 1):
        table = await tagged_table(cell, context, arn)
        tags = changed(table.tags)
        if tags == table.tags:
            return
        try:
            await cell.tables.update(replace(table, tags=tags))
        except ResourceInUseException:
            if attempt == CHANGE_ATTEMPTS_MAX:
                raise
        else:
            return


def tags_of(given: Sequence[dict[str, Any]], present: Tags) -> Tags:
    """The tags of a table that has those `present` when `given` ones come to them. Raises ValidationException."""
    tags: Tags = {}
    for tag in given:
        key, value = tag["Key"], tag["Value"]
        check_tag_key(key)
        check_characters(value, "value")
        if key in tags:
            raise ValidationException(f"One or more parameter values were invalid: Duplicate tag key: {key}")
        tags[key] = value
    tags = present | tags
    if len(tags) > TAGS_MAX:
        raise ValidationException("Number of Tags exceed the current limit for the provided ResourceArn")
    return tags


def check_tag_key(key: str) -> None:
    """Raise ValidationException where a user may not give this key."""
    if key.lower().startswith(RESERVED_PREFIX):
        raise ValidationException(
            f"One or more parameter values were invalid: Tag keys starting with '{RESERVED_PREFIX}' are reserved for"
            f" system use: {key}"
        )
    check_characters(key, "key")


def check_characters(text: str, what: str) -> None:
    """Raise ValidationException for a character that neither keys nor values may have."""
    found = None if _ALLOWED.fullmatch(text) else _NOT_ALLOWED.search(text)
    if found is not None:
        raise ValidationException(
            f"One or more parameter values were invalid: Tag {what} contains a character that is not allowed:"
            f" {found[0]!r}. Allowed are letters, white space, numbers and + - = . _ : / @"
        )


def _invalid_arn(arn: str) -> ValidationException:
    return ValidationException(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
