"""ListTagsOfResource: the tags of a table in the order of their keys, in pages."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.operations.cell import Cell
from magnetodb.operations.tags import tagged_table

PAGE_TAGS_MAX: Final = 25

TOKEN_PREFIX: Final = b"after:"
NEXT_TOKEN_INVALID: Final = "NextToken is invalid"


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """NextToken is opaque: it names the key behind which the next page begins, so that no tag that stays is skipped
    when others leave between the pages. Raises ValidationException, ResourceNotFoundException."""
    table = await tagged_table(cell, context, request["ResourceArn"])
    after = request.get("NextToken")
    keys = sorted(table.tags)
    start = 0 if after is None else bisect_right(keys, key_of(after))
    page = keys[start : start + PAGE_TAGS_MAX]
    answer: dict[str, Any] = {"Tags": [{"Key": key, "Value": table.tags[key]} for key in page]}
    if start + PAGE_TAGS_MAX < len(keys):
        answer["NextToken"] = token_of(page[-1])
    return answer


def token_of(key: str) -> str:
    """The token of the page behind a key."""
    return urlsafe_b64encode(TOKEN_PREFIX + key.encode()).decode()


def key_of(token: str) -> str:
    """The other way round. Raises ValidationException for what is no token."""
    try:
        decoded = urlsafe_b64decode(token.encode())
        if decoded.startswith(TOKEN_PREFIX):
            return decoded.removeprefix(TOKEN_PREFIX).decode()
    except ValueError:
        pass
    raise ValidationException(NEXT_TOKEN_INVALID)
