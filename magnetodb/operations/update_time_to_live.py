"""UpdateTimeToLive: the items of a table shall expire by an attribute, or no longer.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.model.table import Table, TimeToLive
from magnetodb.operations.cell import Cell
from magnetodb.operations.describe_table import table_named
from magnetodb.operations.table_definition import rows_id
from magnetodb.operations.update_table import check_not_in_use


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Answers what was asked for. A job does the rest: until then the state is ENABLING or DISABLING.

    Raises ResourceNotFoundException, ResourceInUseException, ValidationException.
    """
    specification = request["TimeToLiveSpecification"]
    attribute, enabled = specification["AttributeName"], specification["Enabled"]
    table = await table_named(cell, context, request["TableName"])
    check_not_in_use(table)
    await cell.tables.change_time_to_live(changed_table(table, attribute, enabled, lambda: str(uuid4())))
    return {"TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": attribute}}


def changed_table(table: Table, attribute: str, enabled: bool, new_id: Callable[[], str]) -> Table:
    """The table with its expiry on the way to where it shall be. Pure, but for `new_id`, which gives a UUID that was
    never given before. Raises ValidationException where AWS refuses."""
    expiry = table.time_to_live
    if expiry is None:
        if not enabled:
            raise ValidationException("TimeToLive is already disabled")
        return replace(table, time_to_live=TimeToLive(attribute, rows_id(new_id)))
    if expiry.status != "ENABLED":
        raise ValidationException("Time to live has been modified multiple times within a fixed interval")
    if attribute != expiry.attribute:
        raise ValidationException(
            f"TimeToLive is active on a different AttributeName: current AttributeName is {expiry.attribute}"
        )
    if enabled:
        raise ValidationException("TimeToLive is already enabled")
    return replace(table, time_to_live=replace(expiry, status="DISABLING"))
