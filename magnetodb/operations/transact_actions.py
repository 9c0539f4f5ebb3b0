"""The actions of TransactWriteItems: each is parsed without its table, and then bound to it as a write of one item."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from magnetodb.errors import ValidationException
from magnetodb.expressions.conditions import Condition, parse_condition
from magnetodb.expressions.updates import parse_update
from magnetodb.model.items import ITEM_BYTES_MAX, StoredItem, canonical_item
from magnetodb.operations.parameters import TRANSACT_UPDATE, TRANSACT_WRITE, ParameterRules
from magnetodb.operations.put_item import ITEM_TOO_LARGE
from magnetodb.operations.update_item import replacement
from magnetodb.operations.writes import check_condition, check_local_index_sizes
from magnetodb.storage.manager import ItemWrite, Replace
from magnetodb.storage.tables import TableInfo

NOT_ONE: Final = "TransactItems can only contain one of Check, Put, Update or Delete"

Bind = Callable[[TableInfo], ItemWrite]
"""The write of an action on its table. Raises ValidationException where the action does not fit the table."""


class Action(NamedTuple):
    """One action of a transaction, parsed."""

    table_name: str
    bind: Bind


def parsed(member: dict[str, Any]) -> Action:
    """The one action in a member of TransactItems. Raises ValidationException."""
    given = [(name, member[name]) for name in ACTIONS if member.get(name) is not None]
    if len(given) != 1:
        raise ValidationException(NOT_ONE)
    [(name, action)] = given
    return Action(action["TableName"], ACTIONS[name](action))


def put(action: dict[str, Any]) -> Bind:
    """A whole item takes the place of the one with its key."""
    item, size = canonical_item(action["Item"])
    if size > ITEM_BYTES_MAX:
        raise ValidationException(ITEM_TOO_LARGE)
    condition = condition_of(action, TRANSACT_WRITE)
    new = StoredItem.from_item(item, size)

    def bind(table: TableInfo) -> ItemWrite:
        key = table.keys.row_key(item)
        check_local_index_sizes(table, new, ITEM_TOO_LARGE)
        return ItemWrite(table, key, conditional(condition, action, lambda _old: new))

    return bind


def delete(action: dict[str, Any]) -> Bind:
    """The item with a key goes, if there is one."""
    return keyed(action, lambda _old: None)


def check(action: dict[str, Any]) -> Bind:
    """The item with a key stays as it is."""
    return keyed(action, lambda old: old)


def keyed(action: dict[str, Any], replace: Replace) -> Bind:
    """A write of the item with a key, if the condition holds."""
    key, _ = canonical_item(action["Key"])
    condition = condition_of(action, TRANSACT_WRITE)
    return lambda table: ItemWrite(table, table.keys.requested_key(key), conditional(condition, action, replace))


def update(action: dict[str, Any]) -> Bind:
    """Parts of an item change; one that is not there is made of its key."""
    raw_key, _ = canonical_item(action["Key"])
    placeholders = TRANSACT_UPDATE.placeholders(action)
    assert placeholders is not None
    parsed_update = parse_update(action["UpdateExpression"], placeholders)
    text = action.get("ConditionExpression")
    condition = None if text is None else parse_condition(text, placeholders)
    placeholders.refuse_unused()

    def bind(table: TableInfo) -> ItemWrite:
        key = table.keys.requested_key(raw_key)
        parsed_update.refuse_keys(table.keys.base.names)
        return ItemWrite(table, key, replacement(table, key, parsed_update, condition, action))

    return bind


def condition_of(action: dict[str, Any], rules: ParameterRules) -> Condition | None:
    """The condition of an action that has no other expression; None where there is none."""
    placeholders = rules.placeholders(action)
    if placeholders is None:
        return None
    text = action.get("ConditionExpression")
    condition = None if text is None else parse_condition(text, placeholders)
    placeholders.refuse_unused()
    return condition


def conditional(condition: Condition | None, action: dict[str, Any], replace: Replace) -> Replace:
    """The same replacement if the condition holds."""
    if condition is None:
        return replace

    def checked(old: StoredItem | None) -> StoredItem | None:
        check_condition(condition, old, action)
        return replace(old)

    return checked


ACTIONS: Final[dict[str, Callable[[dict[str, Any]], Bind]]] = {
    "ConditionCheck": check,
    "Put": put,
    "Delete": delete,
    "Update": update,
}
