"""GetItem: one item by its key."""

from typing import Any

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.model.capacity import Capacity, read_units
from magnetodb.model.items import canonical_item
from magnetodb.operations.cell import Cell
from magnetodb.operations.parameters import GET_ITEM
from magnetodb.operations.reads import named_table, projection_of


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Member Item is absent where there is no item. The stored JSON is spliced in unparsed unless it is projected.

    Raises ResourceNotFoundException, ValidationException.
    """
    placeholders = GET_ITEM.placeholders(request)
    projection = None
    if placeholders is not None:
        try:
            projection = projection_of(request, placeholders)
            placeholders.refuse_unused()
        except ValidationException:
            # What is wrong with a value of the key goes before what is wrong with expressions.
            canonical_item(request["Key"])
            raise
    table = cell.tables.known(context.project, request["TableName"]) or await named_table(cell, context, request)
    key = table.keys.requested_key(request["Key"])
    consistent = request.get("ConsistentRead") is True
    if cell.throughput is not None:
        cell.throughput.admit_read(table.table, consistent=consistent)
    stored = await cell.manager.get_item(key, consistent=consistent)
    cell.consumption.read(table, stored.size if stored is not None else 0, consistent=consistent)
    answer: dict[str, Any] = {}
    if stored is not None:
        answer["Item"] = stored.json if projection is None else projection.apply(stored.item)
    wanted = request.get("ReturnConsumedCapacity")
    if wanted is not None and wanted != "NONE":
        capacity = Capacity(table.keys)
        capacity.add_read(read_units(stored.size if stored is not None else 0, consistent=consistent))
        answer["ConsumedCapacity"] = capacity.consumed(wanted)
    return answer
