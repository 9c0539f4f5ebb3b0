"""TransactGetItems: up to 100 items as they were at one moment.

They are read and then compared again, all in one batch that writes nothing: what is answered was so at that moment.
"""

from functools import partial
from typing import Any, NamedTuple

from magnetodb.context import RequestContext
from magnetodb.errors import ServiceError, ValidationException
from magnetodb.expressions.projections import Projection
from magnetodb.model.capacity import Capacity, read_units
from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.operations.cell import Cell
from magnetodb.operations.parameters import TRANSACT_GET
from magnetodb.operations.pauses import Pauses
from magnetodb.operations.reads import projection_of, table_by_name
from magnetodb.operations.transactions import cancelled, check_admission, check_distinct, check_size, conflicting
from magnetodb.storage.manager import ItemWrite, WritesLost, Written
from magnetodb.storage.tables import TableInfo


class Get(NamedTuple):
    """One item that is asked for."""

    key: dict[str, Any]
    projection: Projection | None
    table_name: str


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """A member of Responses is empty where there is no item.

    Raises ResourceNotFoundException, ValidationException, TransactionCanceledException.
    """
    gets = [parsed(each["Get"]) for each in request["TransactItems"]]
    tables = [await table_by_name(cell, context, get.table_name) for get in gets]
    reads = item_reads(gets, tables)
    check_distinct([read.key for read in reads])
    if cell.throughput is not None:
        check_admission(tables, partial(cell.throughput.admit_read, consistent=True))
    try:
        found = await cell.manager.write_items(reads, check=check_read_size)
    except WritesLost as lost:
        raise conflicting(len(reads), lost.position) from lost
    items = [item for item, _ in found]
    for table, item in zip(tables, items, strict=True):
        cell.consumption.read(table, 0 if item is None else item.size, consistent=True, transactional=True)
    answer: dict[str, Any] = {"Responses": await responses(gets, items)}
    wanted = request.get("ReturnConsumedCapacity")
    if wanted is not None and wanted != "NONE":
        answer["ConsumedCapacity"] = read_capacity(tables, items, wanted)
    return answer


def parsed(get: dict[str, Any]) -> Get:
    """What one member asks for. Raises ValidationException."""
    placeholders = TRANSACT_GET.placeholders(get)
    key, _ = canonical_item(get["Key"])
    projection = None
    if placeholders is not None:
        projection = projection_of(get, placeholders)
        placeholders.refuse_unused()
    return Get(key, projection, get["TableName"])


def item_reads(gets: list[Get], tables: list[TableInfo]) -> list[ItemWrite]:
    """Writes that leave every item as it is. Raises TransactionCanceledException where a key is none of its table."""
    reads = []
    reasons: list[ServiceError | None] = []
    for get, table in zip(gets, tables, strict=True):
        reasons.append(None)
        try:
            reads.append(ItemWrite(table, table.keys.requested_key(get.key), unchanged))
        except ValidationException as error:
            reasons[-1] = error
    if len(reads) < len(gets):
        raise cancelled(reasons)
    return reads


def unchanged(old: StoredItem | None) -> StoredItem | None:
    """The item as it is."""
    return old


def check_read_size(found: list[Written]) -> None:
    """Raise ValidationException if the items are too large together."""
    check_size([item for item, _ in found])


async def responses(gets: list[Get], items: list[StoredItem | None]) -> list[dict[str, Any]]:
    """One member for each get. Items are spliced in as they are stored unless they are projected."""
    pauses = Pauses()
    answered: list[dict[str, Any]] = []
    for get, item in zip(gets, items, strict=True):
        if item is None:
            answered.append({})
            continue
        answered.append({"Item": item.json if get.projection is None else get.projection.apply(item.item)})
        if pauses.due():
            await pauses.rest()
    return answered


def read_capacity(tables: list[TableInfo], items: list[StoredItem | None], wanted: Any) -> list[dict[str, Any]]:
    """The ConsumedCapacity of reading items in a transaction, table by table; each item costs by itself."""
    capacities: dict[str, Capacity] = {}
    for table, item in zip(tables, items, strict=True):
        capacity = capacities.setdefault(table.table.id, Capacity(table.keys))
        capacity.add_read(read_units(0 if item is None else item.size, consistent=True, transactional=True))
    return [capacity.consumed(wanted, by_kind=True) for capacity in capacities.values()]
