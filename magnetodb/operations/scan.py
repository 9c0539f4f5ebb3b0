"""Scan: all items of a table or index, or of one of the segments that share it."""

from typing import Any

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.model.key_validation import KEY_MISMATCH
from magnetodb.model.keys import START_KEY_INVALID
from magnetodb.model.rows import TOKEN_MAX, TOKEN_MIN, RowKey, TokenRange
from magnetodb.operations.cell import Cell
from magnetodb.operations.pages import (
    Target,
    admit,
    check_start_key,
    consume,
    evaluation,
    filter_of,
    page_answer,
    read_page,
    start_key,
    target,
)
from magnetodb.operations.parameters import SCAN
from magnetodb.operations.reads import projection_of
from magnetodb.operations.selects import check_select


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException, ValidationException."""
    placeholders = SCAN.placeholders(request) or Placeholders()
    tokens = segment_tokens(request.get("Segment"), request.get("TotalSegments"))
    check_start_key(request)
    projection = projection_of(request, placeholders)
    condition = filter_of(request, placeholders, "ScanFilter")
    placeholders.refuse_unused()
    check_select(request)
    read = await target(cell, context, request)
    after = start_row(cell, read, request, tokens)
    rules = evaluation(request, read.codec, condition, projection)
    limit = request.get("Limit")
    found = cell.manager.scan(read.codec.rows_id, tokens, after=after, limit=limit)
    admit(cell, read)
    page = await read_page(cell.manager, read, found, rules, limit)
    consume(cell, read, page)
    return page_answer(request, read, page)


def start_row(cell: Cell, read: Target, request: dict[str, Any], tokens: TokenRange) -> RowKey | None:
    """The row behind which the page begins. Raises ValidationException for an ExclusiveStartKey that is none of the
    table or index, or lies in another segment."""
    start = request.get("ExclusiveStartKey")
    if start is None:
        return None
    whole_table = read.codec.index is None
    row = start_key(read, start, mismatch=f"{START_KEY_INVALID}: {KEY_MISMATCH}" if whole_table else START_KEY_INVALID)
    if not tokens.start <= cell.manager.token(row.partition) <= tokens.end:
        raise ValidationException(
            f"{START_KEY_INVALID}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "
            f"TotalSegments: {request['TotalSegments']} Segment: {request['Segment']}"
        )
    return row


def segment_tokens(segment: int | None, total: int | None) -> TokenRange:
    """The tokens of a segment's share. All shares together are all tokens, and no token is in two.

    Raises ValidationException where Segment and TotalSegments do not go together.
    """
    if segment is None and total is None:
        return TokenRange()
    if total is None:
        raise ValidationException(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is "
            "present"
        )
    if segment is None:
        raise ValidationException(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is "
            "present"
        )
    if segment >= total:
        raise ValidationException(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    tokens = TOKEN_MAX - TOKEN_MIN + 1
    return TokenRange(TOKEN_MIN + segment * tokens // total, TOKEN_MIN + (segment + 1) * tokens // total - 1)
