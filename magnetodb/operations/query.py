"""Query: the items of one partition of a table or index, in the order of their sort keys."""

from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.expressions.key_conditions import KeyConditions, parse_key_conditions
from magnetodb.expressions.legacy import key_conditions
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.model.keys import START_KEY_INVALID
from magnetodb.model.rows import SortRange
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
from magnetodb.operations.parameters import QUERY
from magnetodb.operations.reads import projection_of
from magnetodb.operations.selects import QUERY_INVALID, check_select

EVERY_SORT_KEY: Final = SortRange()

TABLE_KEY_ATTRIBUTES_MAX: Final = 2
INDEX_KEY_ATTRIBUTES_MAX: Final = 8


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException, ValidationException."""
    placeholders = QUERY.placeholders(request) or Placeholders()
    check_start_key(request)
    projection = projection_of(request, placeholders)
    condition = filter_of(request, placeholders, "QueryFilter")
    conditions = key_conditions_of(request, placeholders)
    placeholders.refuse_unused()
    check_select(request, QUERY_INVALID)
    read = await target(cell, context, request)
    partition, sorts = key_range(conditions, read)
    if condition is not None:
        condition.refuse_attributes([attribute.name for attribute in read.codec.own_attributes])
    after = start_sort(request, read, partition, sorts)
    rules = evaluation(request, read.codec, condition, projection)
    limit = request.get("Limit")
    found = cell.manager.query(
        read.codec.rows_id,
        partition,
        sorts,
        after=after,
        limit=limit,
        reverse=request.get("ScanIndexForward") is False,
        consistent=read.consistent,
    )
    admit(cell, read)
    page = await read_page(cell.manager, read, found, rules, limit)
    consume(cell, read, page)
    return page_answer(request, read, page)


def key_conditions_of(request: dict[str, Any], placeholders: Placeholders) -> KeyConditions:
    """The conditions of KeyConditionExpression, or of the legacy KeyConditions. Raises ValidationException where there
    are none."""
    text = request.get("KeyConditionExpression")
    if text is not None:
        return parse_key_conditions(text, placeholders)
    conditions = request.get("KeyConditions")
    if conditions is None:
        raise ValidationException(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    return key_conditions(
        conditions, TABLE_KEY_ATTRIBUTES_MAX if request.get("IndexName") is None else INDEX_KEY_ATTRIBUTES_MAX
    )


def key_range(conditions: KeyConditions, read: Target) -> tuple[bytes, SortRange]:
    """The partition and the range of its sort keys. Raises ValidationException where the conditions do not fit the key
    schema."""
    index = read.codec.index
    schema = read.table.table.key if index is None else index.key
    values, sort_equals, operator, operands = conditions.for_key(schema.partition, schema.sort)
    key = dict(zip(schema.partition, values, strict=True))
    partition = read.codec.partition_of(key)
    if partition is None:
        partition = read.codec.partition(key)
    if operator is None and not sort_equals:
        return partition, EVERY_SORT_KEY
    return partition, read.codec.sort_range(sort_equals, operator, operands)


def start_sort(request: dict[str, Any], read: Target, partition: bytes, sorts: SortRange) -> bytes | None:
    """The sort key behind which the page begins. Raises ValidationException for an ExclusiveStartKey that is none of
    this query."""
    start = request.get("ExclusiveStartKey")
    if start is None:
        return None
    key = start_key(read, start, mismatch=START_KEY_INVALID)
    if key.partition != partition:
        raise ValidationException("The provided starting key is outside query boundaries based on provided conditions")
    if key.sort < sorts.start or (sorts.end is not None and key.sort >= sorts.end):
        raise ValidationException("The provided starting key does not match the range key predicate")
    return key.sort
