"""PutItem: a whole item takes the place of the one with its key, if there is one."""

from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.model.items import ITEM_BYTES_MAX, StoredItem, canonical_item
from magnetodb.operations.cell import Cell
from magnetodb.operations.parameters import CONDITIONAL_WRITE
from magnetodb.operations.reads import named_table
from magnetodb.operations.writes import (
    check_condition,
    check_local_index_sizes,
    check_return_values,
    condition_of,
    write_answer,
)

ITEM_TOO_LARGE: Final = "Item size has exceeded the maximum allowed size"


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException, ValidationException, ConditionalCheckFailedException."""
    placeholders = CONDITIONAL_WRITE.placeholders(request)
    item, size = canonical_item(request["Item"])
    returns_old = check_return_values(request)
    if size > ITEM_BYTES_MAX:
        raise ValidationException(ITEM_TOO_LARGE)
    condition = None if placeholders is None else condition_of(request, placeholders)
    if placeholders is not None:
        placeholders.refuse_unused()
    table = cell.tables.known(context.project, request["TableName"]) or await named_table(cell, context, request)
    key = table.keys.row_key(item)
    new = StoredItem.from_item(item, size)
    check_local_index_sizes(table, new, ITEM_TOO_LARGE)

    def replace(old: StoredItem | None) -> StoredItem:
        if condition is not None:
            check_condition(condition, old, request)
        return new

    if cell.throughput is not None:
        cell.throughput.admit_write(table.table)
    old, _ = await cell.manager.write_item(table, key, replace)
    cell.consumption.wrote(table, old, new)
    answer = write_answer(request, table, key, old, new)
    if returns_old and old is not None:
        answer["Attributes"] = old.json
    return answer
