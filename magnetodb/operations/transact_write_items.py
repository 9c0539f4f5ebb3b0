"""TransactWriteItems: up to 100 actions on different items, all or nothing; with a token, once.

The token is a row of the same batch as the effect. So either both are there or none, whenever the process ends.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import orjson

from magnetodb.context import RequestContext
from magnetodb.errors import ServiceError, ValidationException
from magnetodb.model.capacity import Capacity
from magnetodb.operations.batch_write_item import collection_metrics
from magnetodb.operations.cell import Cell
from magnetodb.operations.pauses import Pauses
from magnetodb.operations.reads import table_by_name
from magnetodb.operations.transact_actions import Action, parsed
from magnetodb.operations.transact_get_items import read_capacity
from magnetodb.operations.transactions import cancelled, check_admission, check_distinct, check_size, conflicting
from magnetodb.storage.manager import FirstLost, ItemWrite, StorageManager, WritesLost, WritesRefused, Written
from magnetodb.storage.tables import TableInfo
from magnetodb.storage.tokens import use_of

TOKEN_ATTEMPTS_MAX: Final = 8
"""A token that others used meanwhile is looked at again so often."""


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """A token that was used for the same request within ten minutes has no second effect, and costs reads.

    Raises ResourceNotFoundException, ValidationException, TransactionCanceledException, TransactionInProgressException,
    IdempotentParameterMismatchException.
    """
    members = request["TransactItems"]
    token = request.get("ClientRequestToken")
    pauses = Pauses()
    actions = await parsed_actions(members, pauses)
    # Only now are values known to be nested no deeper than JSON can be written.
    digest = b"" if token is None else await digest_of(members, pauses)
    tables = [await table_by_name(cell, context, action.table_name) for action in actions]
    writes = bound(actions, tables)
    check_distinct([write.key for write in writes])
    if cell.throughput is not None:
        check_admission(tables, cell.throughput.admit_write)
    if token is None:
        written: list[Written] | None = await written_together(cell.manager, writes)
    else:
        written = await written_once(cell, context.project, token, digest, writes)
    for write, each in zip(writes, written or (), strict=written is not None):
        cell.consumption.wrote(write.info, *each, transactional=True)
    return await transaction_answer(cell, request, writes, written)


async def parsed_actions(members: Sequence[dict[str, Any]], pauses: Pauses) -> list[Action]:
    """Raises ValidationException for whatever is wrong without knowing the tables."""
    actions = []
    for member in members:
        actions.append(parsed(member))
        if pauses.due():
            await pauses.rest()
    return actions


def bound(actions: Sequence[Action], tables: Sequence[TableInfo]) -> list[ItemWrite]:
    """The writes on the tables. Raises TransactionCanceledException where an action does not fit its table."""
    writes = []
    reasons: list[ServiceError | None] = []
    for action, table in zip(actions, tables, strict=True):
        reasons.append(None)
        try:
            writes.append(action.bind(table))
        except ValidationException as error:
            reasons[-1] = error
    if len(writes) < len(actions):
        raise cancelled(reasons)
    return writes


async def written_together(manager: StorageManager, writes: Sequence[ItemWrite], **first: Any) -> list[Written]:
    """Write all or nothing. Raises TransactionCanceledException; FirstLost as the manager does."""
    try:
        return await manager.write_items(writes, check=check_written_size, **first)
    except WritesRefused as refused:
        raise cancelled(refused.reasons) from refused
    except WritesLost as lost:
        raise conflicting(len(writes), lost.position) from lost


async def written_once(
    cell: Cell, project: str, token: str, digest: bytes, writes: Sequence[ItemWrite]
) -> list[Written] | None:
    """Write all or nothing unless the token says that it has happened (None). Raises as `run` does."""
    use = use_of(project, token, digest)
    tokens = cell.manager.tokens
    with tokens.running(use):
        for _ in range(TOKEN_ATTEMPTS_MAX):
            recorded = await tokens.record(use, cell.settings.clock())
            if recorded is None:
                return None
            try:
                return await written_together(cell.manager, writes, first=recorded)
            except FirstLost:
                continue  # Another process has used the token, or a request here that was given up.
    raise conflicting(len(writes), 0)


def check_written_size(written: list[Written]) -> None:
    """Raise ValidationException if the items are too large together; an item that goes counts as it was."""
    check_size([old if new is None else new for old, new in written])


async def digest_of(members: Sequence[dict[str, Any]], pauses: Pauses) -> bytes:
    """What two requests must share to be the same one, whatever the order of the members of their objects."""
    digest = hashlib.sha256()
    for member in members:
        digest.update(orjson.dumps(member, option=orjson.OPT_SORT_KEYS) + b"\n")
        if pauses.due():
            await pauses.rest()
    return digest.digest()


async def transaction_answer(
    cell: Cell, request: dict[str, Any], writes: Sequence[ItemWrite], written: list[Written] | None
) -> dict[str, Any]:
    """ConsumedCapacity and ItemCollectionMetrics, where the request asks for them. `written` None: it had happened
    before, and the items were only read."""
    answer: dict[str, Any] = {}
    wanted = request.get("ReturnConsumedCapacity")
    if wanted is not None and wanted != "NONE":
        if written is None:
            items = await cell.manager.get_items([write.key for write in writes], consistent=True)
            answer["ConsumedCapacity"] = read_capacity([write.info for write in writes], items, wanted)
        else:
            answer["ConsumedCapacity"] = write_capacity(writes, written, wanted)
    if request.get("ReturnItemCollectionMetrics") == "SIZE":
        tables = {write.info.table.name: write.info for write in writes}
        answer["ItemCollectionMetrics"] = collection_metrics(tables, [(write.info, write.key) for write in writes])
    return answer


def write_capacity(writes: Sequence[ItemWrite], written: Sequence[Written], wanted: Any) -> list[dict[str, Any]]:
    """The ConsumedCapacity of actions, table by table; a check costs as a write of the item."""
    capacities: dict[str, Capacity] = {}
    for write, (old, new) in zip(writes, written, strict=True):
        capacity = capacities.setdefault(write.info.table.id, Capacity(write.info.keys))
        capacity.add_item_write(old, new, transactional=True)
    return [capacity.consumed(wanted, by_kind=True) for capacity in capacities.values()]
