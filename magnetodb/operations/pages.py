"""Pages of Query and Scan: Limit, the megabyte, the filter, and where the next page begins."""

from collections.abc import AsyncIterator, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, NoReturn

import orjson

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.expressions.conditions import Condition, parse_condition
from magnetodb.expressions.legacy import filter_condition
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.expressions.projections import Projection
from magnetodb.model.capacity import Capacity, read_units
from magnetodb.model.items import StoredItem, canonical_item, spliced
from magnetodb.model.keys import START_KEY_INVALID, KeyCodec
from magnetodb.model.rows import PartitionRows, Row, RowKey
from magnetodb.model.table import Index
from magnetodb.operations.cell import Cell
from magnetodb.operations.pauses import Pauses
from magnetodb.operations.reads import named_table
from magnetodb.operations.selects import ITEMS, Selection, selection
from magnetodb.storage.manager import StorageManager
from magnetodb.storage.tables import TableInfo

PAGE_BYTES_MAX: Final = 1_048_576
"""Of items before the filter. The item with which a page reaches it is its last."""


class Target(NamedTuple):
    """What a Query or Scan reads: a table, or the index that `codec` belongs to."""

    table: TableInfo
    codec: KeyCodec
    consistent: bool


class Evaluation(NamedTuple):
    """What becomes of the items that were read."""

    condition: Condition | None
    projection: Projection | None
    selection: Selection


WHOLE_ITEMS: Final = Evaluation(None, None, ITEMS)


class PageOfItems:
    """What was read so far. `items` is None where only the count is wanted, `texts` is the JSON of items that are
    answered as they are stored; `last` is the key of the row at which the page ended before the range did."""

    __slots__ = ("count", "fetched_units", "items", "last", "scanned", "size", "texts")

    def __init__(self, *, counts_only: bool) -> None:
        self.items: list[Any] | None = None if counts_only else []
        self.texts: list[bytes] = []
        self.count = 0
        self.scanned = 0
        self.size = 0
        self.fetched_units = 0.0
        self.last: RowKey | None = None


async def target(cell: Cell, context: RequestContext, request: dict[str, Any]) -> Target:
    """The table or index that the request names. Raises ResourceNotFoundException for the table, ValidationException
    for the index, or where it cannot be read consistently."""
    table = cell.tables.known(context.project, request["TableName"]) or await named_table(cell, context, request)
    consistent = request.get("ConsistentRead") is True
    name = request.get("IndexName")
    if name is None:
        return Target(table, table.keys.base, consistent)
    codec = table.keys.indexes.get(name)
    if codec is None:
        raise ValidationException(f"The table does not have the specified index: {name}")
    index = codec.index
    assert index is not None
    if index.status != "ACTIVE":
        refuse_index(index)
    if consistent and index.kind == "GSI":
        raise ValidationException("Consistent reads are not supported on global secondary indexes")
    return Target(table, codec, consistent)


def refuse_index(index: Index) -> NoReturn:
    """An index that is not ACTIVE cannot be read: rows may be missing."""
    if index.status == "CREATING":
        raise ValidationException(f"Cannot read from backfilling global secondary index: {index.name}")
    raise ValidationException(f"The table does not have the specified index: {index.name}")


def filter_of(request: dict[str, Any], placeholders: Placeholders, legacy: str) -> Condition | None:
    """The condition of FilterExpression, or of the legacy parameter of that name; None where there is none."""
    text = request.get("FilterExpression")
    if text is not None:
        return parse_condition(text, placeholders, "FilterExpression")
    return filter_condition(legacy, request.get(legacy), request.get("ConditionalOperator"))


def check_start_key(request: dict[str, Any]) -> None:
    """Raise ValidationException where a value of ExclusiveStartKey is none, whatever the table is."""
    start = request.get("ExclusiveStartKey")
    if start is not None:
        try:
            canonical_item(start)
        except ValidationException as error:
            raise ValidationException(f"{START_KEY_INVALID}: {error.message}") from error


def start_key(target: Target, raw: dict[str, Any], *, mismatch: str) -> RowKey:
    """The row that an ExclusiveStartKey names (there need be none). Raises ValidationException, in the words
    `mismatch`, which differ between Query and Scan, where its attributes are not those of the keys."""
    try:
        return target.codec.start_key(raw)
    except ValidationException:
        raise ValidationException(mismatch) from None


def evaluation(
    request: dict[str, Any], codec: KeyCodec, condition: Condition | None, projection: Projection | None
) -> Evaluation:
    """Raises ValidationException where the index does not have what is asked for."""
    asked = () if projection is None else projection.attributes
    return Evaluation(condition, projection, selection(request.get("Select"), codec, asked))


async def read_page(
    manager: StorageManager,
    target: Target,
    found: AsyncIterator[Sequence[Row]],
    evaluation: Evaluation,
    limit: int | None,
) -> PageOfItems:
    """Read until the range ends, `limit` items were read, or they reach a megabyte."""
    page = PageOfItems(counts_only=evaluation.selection.counts_only)
    whole = evaluation == WHOLE_ITEMS
    async for read in found:
        if whole:
            _take(page, read)
        else:
            await _evaluate(page, await _measured(manager, target, read, evaluation, page), evaluation)
        if page.last is None and page.scanned == limit:
            page.last = read[-1].key
        if page.last is not None:
            break
    return page


def _take(page: PageOfItems, read: Sequence[Row]) -> None:
    """Add items as they are stored."""
    values = read.values() if type(read) is PartitionRows else [row.value for row in read]
    sizes, texts = spliced(values)
    size = page.size + sum(sizes)
    if size >= PAGE_BYTES_MAX:
        sums = accumulate(sizes, initial=page.size)
        taken = next(count for count, size_so_far in enumerate(sums) if size_so_far >= PAGE_BYTES_MAX)
        size = page.size + sum(sizes[:taken])
        texts = texts[:taken]
        page.last = read[taken - 1].key
    page.texts += texts
    page.size = size
    page.count = page.scanned = len(page.texts)


async def _measured(
    manager: StorageManager, target: Target, read: Sequence[Row], evaluation: Evaluation, page: PageOfItems
) -> list[StoredItem]:
    """The items that still belong to the page; those of the table, where the selection says so."""
    items = []
    for row in read:
        item = StoredItem(row.value)
        items.append(item)
        page.size += item.size
        if page.size >= PAGE_BYTES_MAX:
            page.last = row.key
            break
    page.scanned += len(items)
    if evaluation.selection.fetches:
        return await _fetched(manager, target, read[: len(items)], page)
    return items


async def _fetched(manager: StorageManager, target: Target, read: Sequence[Row], page: PageOfItems) -> list[StoredItem]:
    """The items of the table that rows of its local index stand for, but those deleted since the rows were read."""
    items = await manager.get_items([target.codec.table_key(row.key) for row in read], consistent=target.consistent)
    fetched = [item for item in items if item is not None]
    page.fetched_units += sum([read_units(item.size, consistent=target.consistent) for item in fetched])
    return fetched


async def _evaluate(page: PageOfItems, items: list[StoredItem], evaluation: Evaluation) -> None:
    """Keep the items that pass the filter, projected."""
    condition, projection = evaluation.condition, evaluation.projection
    pauses = Pauses()
    for stored in items:
        if pauses.due():
            await pauses.rest()
        if condition is None or condition.holds(stored.item):
            page.count += 1
            if page.items is not None:
                page.items.append(stored.json if projection is None else projection.apply(stored.item))


def admit(cell: Cell, target: Target) -> None:
    """Raise ProvisionedThroughputExceededException where throughput is enforced and too much was read."""
    if cell.throughput is not None:
        cell.throughput.admit_read(target.table.table, target.codec.index, consistent=target.consistent)


def consume(cell: Cell, target: Target, page: PageOfItems) -> None:
    """Count what the page consumed."""
    cell.consumption.read(target.table, page.size, consistent=target.consistent, index=target.codec.index)
    if page.fetched_units:
        cell.consumption.fetched(target.table, page.fetched_units)


def page_answer(request: dict[str, Any], target: Target, page: PageOfItems) -> dict[str, Any]:
    """The members of the answer."""
    answer: dict[str, Any] = {"Count": page.count, "ScannedCount": page.scanned}
    if page.texts:
        answer["Items"] = orjson.Fragment(b"[" + b",".join(page.texts) + b"]")
    elif page.items is not None:
        answer["Items"] = page.items
    if page.last is not None:
        answer["LastEvaluatedKey"] = target.codec.key_attributes(page.last)
    wanted = request.get("ReturnConsumedCapacity")
    if wanted is not None and wanted != "NONE":
        capacity = Capacity(target.table.keys)
        index = target.codec.index
        units = read_units(page.size, consistent=target.consistent)
        capacity.add_read(units, None if index is None else index.name)
        capacity.add_read(page.fetched_units)
        answer["ConsumedCapacity"] = capacity.consumed(wanted)
    return answer
