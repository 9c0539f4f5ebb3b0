"""UpdateItem: parts of an item change; an item that is not there is made of its key, unless the update only removes."""

from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.expressions.conditions import Condition
from magnetodb.expressions.legacy import attribute_updates
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.expressions.updates import Update, parse_update
from magnetodb.model.items import ITEM_BYTES_MAX, StoredItem, canonical_item, item_size, updated_size
from magnetodb.model.rows import RowKey
from magnetodb.operations.cell import Cell
from magnetodb.operations.parameters import UPDATE_ITEM
from magnetodb.operations.reads import named_table
from magnetodb.operations.writes import check_condition, check_local_index_sizes, condition_of, write_answer
from magnetodb.storage.manager import Replace
from magnetodb.storage.tables import TableInfo

ITEM_TOO_LARGE: Final = "Item size to update has exceeded the maximum allowed size"


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException, ValidationException, ConditionalCheckFailedException."""
    placeholders = UPDATE_ITEM.placeholders(request)
    update = condition = None
    if placeholders is not None:
        try:
            update = update_of(request, placeholders)
            condition = condition_of(request, placeholders)
            placeholders.refuse_unused()
        except ValidationException:
            # What is wrong with a value of the key goes before what is wrong with expressions.
            canonical_item(request["Key"])
            raise
    table = cell.tables.known(context.project, request["TableName"]) or await named_table(cell, context, request)
    key = table.keys.requested_key(request["Key"])
    if update is not None:
        update.refuse_keys(table.keys.base.names)

    if cell.throughput is not None:
        cell.throughput.admit_write(table.table)
    old, new = await cell.manager.write_item(table, key, replacement(table, key, update, condition, request))
    cell.consumption.wrote(table, old, new)
    answer = write_answer(request, table, key, old, new)
    wanted = request.get("ReturnValues")
    if wanted is not None and wanted != "NONE":
        attributes = returned_attributes(wanted, update, old, new)
        if attributes:
            answer["Attributes"] = attributes
    return answer


def replacement(
    table: TableInfo, key: RowKey, update: Update | None, condition: Condition | None, request: dict[str, Any]
) -> Replace:
    """The item after the update, if the condition holds; none, where there was none and the update only takes away.
    `request` says what a failed condition returns."""
    keys = table.keys

    def replace(old: StoredItem | None) -> StoredItem | None:
        if condition is not None:
            check_condition(condition, old, request)
        old_item = None if old is None else old.item
        item = keys.base.key_attributes(key) if old_item is None else old_item
        if update is not None:
            item = update.apply(item)
            if old is None and update.takes_only:
                return None
        if old is not None and item == old_item:
            return old
        size = item_size(item) if old is None or update is None else updated_size(old, item, update.tree)
        if size > ITEM_BYTES_MAX:
            raise ValidationException(ITEM_TOO_LARGE)
        keys.check_index_keys(item, old_item)
        new = StoredItem.from_item(item, size)
        check_local_index_sizes(table, new, ITEM_TOO_LARGE)
        return new

    return replace


def update_of(request: dict[str, Any], placeholders: Placeholders) -> Update | None:
    """The update of UpdateExpression, or of the legacy AttributeUpdates; None where there is none."""
    text = request.get("UpdateExpression")
    if text is not None:
        return parse_update(text, placeholders)
    updates = request.get("AttributeUpdates")
    return None if updates is None else attribute_updates(updates)


def returned_attributes(wanted: str, update: Update | None, old: StoredItem | None, new: StoredItem | None) -> Any:
    """The attributes that ReturnValues asks for; nothing where there are none."""
    if new is None:
        return None
    if wanted == "ALL_NEW":
        return new.json
    if wanted == "UPDATED_NEW":
        return None if update is None else update.updated_new(new.item)
    if old is None:
        return None
    if wanted == "ALL_OLD":
        return old.json
    return None if update is None else update.updated_old(old.item)
