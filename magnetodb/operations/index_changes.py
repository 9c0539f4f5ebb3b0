"""GlobalSecondaryIndexUpdates of UpdateTable: which index comes, which goes, which only gets another throughput. Pure.

One index of a table comes or goes at a time; from UpdateTable's answer until the job has filled or dropped it the table
is UPDATING.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from magnetodb.errors import (
    LimitExceededException,
    ResourceNotFoundException,
    ValidationException,
)
from magnetodb.model.table import Table
from magnetodb.operations.table_definition import (
    GLOBAL_INDEXES_MAX,
    attribute_types_of,
    check_all_used,
    check_index_throughput,
    check_projected_attributes,
    global_indexes_of,
    invalid,
    listed,
)

ACTIONS: Final = ("Update", "Create", "Delete")

Request = dict[str, Any]


class IndexChanges(NamedTuple):
    """`updates`: Update actions by index. `created`: the Create action. `deleted`: the name in the Delete action."""

    updates: dict[str, Request]
    created: Request | None = None
    deleted: str | None = None


def index_changes(table: Table, requests: Sequence[Request]) -> IndexChanges:
    """The actions of a request. Raises for contradictory ones, for unknown indexes, for more than one that comes or
    goes."""
    named: dict[str, tuple[str, Request]] = {}
    for request in requests:
        action = action_of(request)
        name = request[action]["IndexName"]
        if name in named:
            raise invalid(f"Only one global secondary index update per index is allowed simultaneously. Index: {name}")
        named[name] = action, request[action]
    created = [request for action, request in named.values() if action == "Create"]
    deleted = [name for name, (action, _) in named.items() if action == "Delete"]
    if len(created) + len(deleted) > 1:
        raise one_at_a_time()
    for name, (action, _) in named.items():
        check_index_name(table, action, name)
    updates = {name: request for name, (action, request) in named.items() if action == "Update"}
    return IndexChanges(updates, next(iter(created), None), next(iter(deleted), None))


def action_of(request: Request) -> str:
    """The one action of a GlobalSecondaryIndexUpdate."""
    actions = [name for name in ACTIONS if request.get(name) is not None]
    if not actions:
        raise invalid("One of GlobalSecondaryIndexUpdate's actions Update, Create or Delete must be specified")
    if len(actions) > 1:
        raise invalid("Only one of Update, Create or Delete may be specified in a GlobalSecondaryIndexUpdate")
    return actions[0]


def check_index_name(table: Table, action: str, name: str) -> None:
    """A new index has a new name; the others are GSIs of the table."""
    if action == "Create":
        if name in table.indexes:
            raise ValidationException("Attempting to create an index which already exists")
    elif name not in table.indexes or table.indexes[name].kind != "GSI":
        raise ResourceNotFoundException("Requested resource not found")


def gives_up_filling(table: Table, requests: Sequence[Request]) -> bool:
    """Whether the request gives up the index that is being filled, which is allowed although the table is UPDATING;
    raises LimitExceededException if it wants another index to come or go meanwhile."""
    changing = table.changing_index
    if changing is None or not changing.backfilling or changing.status != "CREATING":
        return False
    actions = [
        (action, request[action]["IndexName"]) for request in requests for action in ACTIONS if request.get(action)
    ]
    if actions == [("Delete", changing.name)]:
        return True
    if any(action != "Update" for action, _ in actions):
        raise one_at_a_time()
    return False


def with_new_index(
    table: Table, request: Request, definitions: Sequence[Request] | None, new_id: Callable[[], str]
) -> Table:
    """The table with an index that is CREATING. `definitions` must have the types of all its key attributes."""
    given = attribute_types_of(definitions or ())
    check_types(table, given)
    check_index_throughput(table.billing_mode, [request])
    names = list(table.indexes)
    (index,) = global_indexes_of([request], names, given, table.billing_mode, new_id)
    if len(table.global_indexes) >= GLOBAL_INDEXES_MAX:
        raise invalid(f"GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_INDEXES_MAX}")
    table = replace(table.with_index(index), attribute_types=table.attribute_types | given, status="UPDATING")
    check_projected_attributes(table.indexes.values())
    keys = [table.key, *(each.key for each in table.indexes.values())]
    check_all_used(table.attribute_types, keys, indexed=True)
    return table


def with_index_leaving(table: Table, name: str) -> Table:
    """The table with an index that is DELETING."""
    index = replace(table.indexes[name], status="DELETING", backfilling=False)
    return replace(table.with_index(index), status="UPDATING")


def check_definitions(table: Table, definitions: Sequence[Request] | None) -> None:
    """Without a new index, AttributeDefinitions may repeat what the table has."""
    if not definitions:
        return
    given = attribute_types_of(definitions)
    check_types(table, given)
    if not given.keys() <= table.attribute_types.keys():
        raise invalid(
            "Some AttributeDefinitions are not used."
            f" AttributeDefinitions: {listed(given)}, keys used: {listed(table.attribute_types)}"
        )


def check_types(table: Table, given: dict[str, Any]) -> None:
    """A key attribute keeps its type."""
    changed = [name for name, kind in given.items() if table.attribute_types.get(name, kind) != kind]
    if changed:
        raise invalid(f"The type of a key attribute cannot be changed. Attributes: {listed(changed)}")


def one_at_a_time() -> LimitExceededException:
    """The error for a second index."""
    return LimitExceededException(
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
    )
