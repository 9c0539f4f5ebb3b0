"""DeleteItem: the item with a key goes, if there is one."""

from typing import Any

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.operations.cell import Cell
from magnetodb.operations.parameters import CONDITIONAL_WRITE
from magnetodb.operations.reads import named_table
from magnetodb.operations.writes import check_condition, check_return_values, condition_of, write_answer


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException, ValidationException, ConditionalCheckFailedException."""
    placeholders = CONDITIONAL_WRITE.placeholders(request)
    condition = None
    try:
        returns_old = check_return_values(request)
        if placeholders is not None:
            condition = condition_of(request, placeholders)
            placeholders.refuse_unused()
    except ValidationException:
        # What is wrong with a value of the key goes before what is wrong with anything but the choice of parameters.
        canonical_item(request["Key"])
        raise
    table = cell.tables.known(context.project, request["TableName"]) or await named_table(cell, context, request)
    key = table.keys.requested_key(request["Key"])

    def replace(old: StoredItem | None) -> None:
        if condition is not None:
            check_condition(condition, old, request)

    if cell.throughput is not None:
        cell.throughput.admit_write(table.table)
    old, _ = await cell.manager.write_item(table, key, replace)
    cell.consumption.wrote(table, old, None)
    answer = write_answer(request, table, key, old, None)
    if returns_old and old is not None:
        answer["Attributes"] = old.json
    return answer
