"""BatchGetItem: up to 100 items of several tables by their keys, each read by itself."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from magnetodb.context import RequestContext
from magnetodb.errors import ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException
from magnetodb.expressions.projections import Projection
from magnetodb.model.capacity import Capacity, read_units
from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.model.rows import RowKey
from magnetodb.operations.batch_write_item import DUPLICATES
from magnetodb.operations.cell import Cell
from magnetodb.operations.parameters import GET_ITEM
from magnetodb.operations.pauses import Pauses
from magnetodb.operations.reads import projection_of, table_by_name
from magnetodb.operations.throughput import Throughput
from magnetodb.storage.tables import TableInfo

KEYS_MAX: Final = 100

BATCH_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of the items in one answer."""

READ_KEYS_MAX: Final = 16
"""Of items that are read in one go: 6 MB at most, then others get the loop."""

TOO_MANY: Final = "Too many items requested for the BatchGetItem call"


class Part(NamedTuple):
    """What is asked of one table; `name` as the request gave it."""

    name: str
    request: dict[str, Any]
    projection: Projection | None
    consistent: bool
    table: TableInfo
    keys: list[RowKey]


class Found(NamedTuple):
    """What was read of one table: an item or None for each key, as far as the answer had room."""

    part: Part
    items: list[StoredItem | None]


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Items that do not exist are left out. UnprocessedKeys has the keys for whose items the answer had no room.

    Raises ResourceNotFoundException, ValidationException.
    """
    request_items = request["RequestItems"]
    if sum(len(each["Keys"]) for each in request_items.values()) > KEYS_MAX:
        raise ValidationException(TOO_MANY)
    projections = {name: asked_projection(each) for name, each in request_items.items()}
    tables = await tables_of(cell, context, request_items)
    parts = [
        Part(name, each, projections[name], each.get("ConsistentRead") is True, table, requested_keys(table, each))
        for (name, each), table in zip(request_items.items(), tables, strict=True)
    ]
    keys = [key for part in parts for key in part.keys]
    if len(set(keys)) != len(keys):
        raise ValidationException(DUPLICATES)
    pauses = Pauses()
    return await batch_answer(request, await read(cell, parts, pauses), pauses)


def asked_projection(request: dict[str, Any]) -> Projection | None:
    """The projection of one table's items; None where all is wanted. Raises ValidationException."""
    placeholders = GET_ITEM.placeholders(request)
    if placeholders is None:
        return None
    projection = projection_of(request, placeholders)
    placeholders.refuse_unused()
    return projection


async def tables_of(cell: Cell, context: RequestContext, request_items: dict[str, Any]) -> list[TableInfo]:
    """The tables. Raises ResourceNotFoundException, but first what is wrong with the values of any key."""
    try:
        return [await table_by_name(cell, context, name) for name in request_items]
    except ResourceNotFoundException:
        for each in request_items.values():
            for key in each["Keys"]:
                canonical_item(key)
        raise


def requested_keys(table: TableInfo, request: dict[str, Any]) -> list[RowKey]:
    """The rows that Keys names. Raises ValidationException."""
    requested_key = table.keys.requested_key
    return [requested_key(key) for key in request["Keys"]]


async def read(cell: Cell, parts: list[Part], pauses: Pauses) -> list[Found]:
    """Read until the answer is full. Raises ProvisionedThroughputExceededException if only one table is read, and the
    throughput that it has left is enough for nothing."""
    found = [Found(part, []) for part in parts]
    size = 0
    for part, items in found:
        table, consistent = part.table, part.consistent
        keys = part.keys if cell.throughput is None else admitted_keys(cell.throughput, part, alone=len(parts) == 1)
        for start in range(0, len(keys), READ_KEYS_MAX):
            chunk = keys[start : start + READ_KEYS_MAX]
            for item in await cell.manager.get_items(chunk, consistent=consistent):
                item_bytes = 0 if item is None else item.size
                size += item_bytes
                if size > BATCH_BYTES_MAX:
                    return found
                cell.consumption.read(table, item_bytes, consistent=consistent)
                items.append(item)
            if pauses.due():
                await pauses.rest()
    return found


def admitted_keys(throughput: Throughput, part: Part, *, alone: bool) -> list[RowKey]:
    """Those for which throughput is left. `alone`: it is an error if that is none."""
    for count in range(len(part.keys)):
        try:
            throughput.admit_read(part.table.table, consistent=part.consistent)
        except ProvisionedThroughputExceededException:
            if alone and not count:
                raise
            return part.keys[:count]
    return part.keys


async def batch_answer(request: dict[str, Any], found: list[Found], pauses: Pauses) -> dict[str, Any]:
    """The members of the answer. Items are spliced in as they are stored unless they are projected."""
    responses: dict[str, Any] = {}
    for part, items in found:
        projection = part.projection
        answered = responses[part.name] = []
        for item in items:
            if item is not None:
                answered.append(item.json if projection is None else projection.apply(item.item))
                if pauses.due():
                    await pauses.rest()
    answer: dict[str, Any] = {"Responses": responses, "UnprocessedKeys": dict(unprocessed_keys(found))}
    wanted = request.get("ReturnConsumedCapacity")
    if wanted is not None and wanted != "NONE":
        answer["ConsumedCapacity"] = [consumed(each, wanted) for each in found if each.items]
    return answer


def unprocessed_keys(found: list[Found]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rest of each table's request, with its other parameters, as BatchGetItem takes it."""
    for part, items in found:
        keys = part.request["Keys"][len(items) :]
        if keys:
            others = {name: value for name, value in part.request.items() if value is not None}
            yield part.name, {**others, "Keys": keys}


def consumed(found: Found, wanted: Any) -> dict[str, Any]:
    """Each item costs by itself, as if it was read alone."""
    part, items = found
    capacity = Capacity(part.table.keys)
    for item in items:
        capacity.add_read(read_units(0 if item is None else item.size, consistent=part.consistent))
    return capacity.consumed(wanted) | {"TableName": part.name}
