"""BatchWriteItem: up to 25 puts and deletes of items in several tables, each by itself, all in one commit."""

from typing import Any, Final, NamedTuple

from magnetodb.context import RequestContext
from magnetodb.errors import ProvisionedThroughputExceededException, ThrottlingException, ValidationException
from magnetodb.model.capacity import Capacity
from magnetodb.model.items import ITEM_BYTES_MAX, Item, StoredItem, canonical_item
from magnetodb.model.key_validation import refuse_requested_key
from magnetodb.model.rows import RowKey
from magnetodb.operations.cell import Cell
from magnetodb.operations.pauses import Pauses
from magnetodb.operations.put_item import ITEM_TOO_LARGE
from magnetodb.operations.reads import table_by_name
from magnetodb.operations.throughput import Throughput
from magnetodb.operations.writes import check_local_index_sizes, item_collection_metrics
from magnetodb.storage.manager import ItemWrite, Replace, Written
from magnetodb.storage.tables import TableInfo

REQUESTS_MAX: Final = 25

TOO_MANY: Final = "Too many items requested for the BatchWriteItem call"
DUPLICATES: Final = "Provided list of item keys contains duplicates"
NOT_ONE: Final = "Supplied WriteRequest must contain exactly one of PutRequest, DeleteRequest"


class Requested(NamedTuple):
    """One put or delete: the canonical item and its size, or the canonical key and None."""

    item: Item
    size: int | None


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Nothing is written unless the whole batch is valid. UnprocessedItems has the requests that lost too many races.

    Raises ResourceNotFoundException, ValidationException, ThrottlingException or
    ProvisionedThroughputExceededException if nothing was processed.
    """
    request_items = request["RequestItems"]
    if sum(map(len, request_items.values())) > REQUESTS_MAX:
        raise ValidationException(TOO_MANY)
    pauses = Pauses()
    requested = {name: await parsed(requests, pauses) for name, requests in request_items.items()}
    tables = {name: await table_by_name(cell, context, name) for name in request_items}
    writes = [item_write(tables[name], each) for name, parts in requested.items() for each in parts]
    if len({write.key for write in writes}) != len(writes):
        raise ValidationException(DUPLICATES)
    outcomes = iter(await carried_out(cell, writes))
    written = {name: [next(outcomes) for _ in requests] for name, requests in request_items.items()}
    return batch_answer(request, tables, written, {write.key: write for write in writes})


async def carried_out(cell: Cell, writes: list[ItemWrite]) -> list[Written | None]:
    """None stands for a write that was not processed. Raises ProvisionedThroughputExceededException if the throughput
    that is left is enough for none."""
    admitted = writes if cell.throughput is None else admitted_writes(cell.throughput, writes)
    outcomes = await cell.manager.write_each(admitted)
    for write, outcome in zip(admitted, outcomes, strict=True):
        if outcome is not None:
            cell.consumption.wrote(write.info, *outcome)
    if len(admitted) == len(writes):
        return outcomes
    written = {write.key: outcome for write, outcome in zip(admitted, outcomes, strict=True)}
    return [written.get(write.key) for write in writes]


def admitted_writes(throughput: Throughput, writes: list[ItemWrite]) -> list[ItemWrite]:
    """Those for which throughput is left."""
    admitted = []
    exceeded = None
    for write in writes:
        try:
            throughput.admit_write(write.info.table)
        except ProvisionedThroughputExceededException as error:
            exceeded = error
        else:
            admitted.append(write)
    if exceeded is not None and not admitted:
        raise exceeded
    return admitted


async def parsed(requests: list[dict[str, Any]], pauses: Pauses) -> list[Requested]:
    """The values of one table's requests. Raises ValidationException."""
    found = []
    for request in requests:
        put, delete = request.get("PutRequest"), request.get("DeleteRequest")
        if (put is None) is (delete is None):
            raise ValidationException(NOT_ONE)
        if put is not None:
            item, size = canonical_item(put["Item"])
            if size > ITEM_BYTES_MAX:
                raise ValidationException(ITEM_TOO_LARGE)
            found.append(Requested(item, size))
        else:
            assert delete is not None
            found.append(Requested(canonical_item(delete["Key"])[0], None))
        if pauses.due():
            await pauses.rest()
    return found


def item_write(table: TableInfo, requested: Requested) -> ItemWrite:
    """The write that a request asks for. Raises ValidationException where its key is none of the table, in the words
    of a Key for puts too, as AWS does in batches."""
    keys, (item, size) = table.keys, requested
    base = keys.base
    key = base.row_key(item)
    if size is None:
        if key is None or len(item) != len(base.names):
            refuse_requested_key(base.own_attributes, item)
        return ItemWrite(table, key, nothing)
    if key is None:
        refuse_requested_key(base.own_attributes, {name: item[name] for name in base.names if name in item})
    keys.check_index_keys(item, updating=False)
    new = StoredItem.from_item(item, size)
    check_local_index_sizes(table, new, ITEM_TOO_LARGE)
    return ItemWrite(table, key, always(new))


def always(new: StoredItem) -> Replace:
    """Whatever there is, this takes its place."""
    return lambda _old: new


def nothing(_old: StoredItem | None) -> None:
    """Whatever there is goes."""


def batch_answer(
    request: dict[str, Any],
    tables: dict[str, TableInfo],
    written: dict[str, list[Written | None]],
    writes: dict[RowKey, ItemWrite],
) -> dict[str, Any]:
    """What was not processed, and ConsumedCapacity and ItemCollectionMetrics where the request asks for them."""
    unprocessed = unprocessed_items(request["RequestItems"], written)
    if unprocessed == request["RequestItems"]:
        raise ThrottlingException("Rate of requests exceeds the allowed throughput. Too many writes of the same items.")
    answer: dict[str, Any] = {"UnprocessedItems": unprocessed}
    wanted = request.get("ReturnConsumedCapacity")
    if wanted is not None and wanted != "NONE":
        answer["ConsumedCapacity"] = []
        for name, outcomes in written.items():
            capacity = Capacity(tables[name].keys)
            for outcome in outcomes:
                if outcome is not None:
                    capacity.add_item_write(*outcome)
            answer["ConsumedCapacity"].append(capacity.consumed(wanted) | {"TableName": name})
    if request.get("ReturnItemCollectionMetrics") == "SIZE":
        answer["ItemCollectionMetrics"] = collection_metrics(tables, [(w.info, w.key) for w in writes.values()])
    return answer


def unprocessed_items(request_items: dict[str, Any], written: dict[str, list[Written | None]]) -> dict[str, Any]:
    """The requests that were not carried out, as they were given."""
    unprocessed = {}
    for name, outcomes in written.items():
        if None in outcomes:
            requests = zip(request_items[name], outcomes, strict=True)
            unprocessed[name] = [request for request, outcome in requests if outcome is None]
    return unprocessed


def collection_metrics(tables: dict[str, TableInfo], keys: list[tuple[TableInfo, RowKey]]) -> dict[str, Any]:
    """The ItemCollectionMetrics of several tables: each item collection of a table with local indexes once."""
    metrics: dict[str, Any] = {}
    for name, table in tables.items():
        if table.table.local_indexes:
            collections = {key.partition: key for info, key in keys if info is table}
            metrics[name] = [item_collection_metrics(table, key) for key in collections.values()]
    return metrics
