"""DeleteTable: the table, its items and its indexes are gone; their space comes back in the background."""

from dataclasses import replace
from typing import Any

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.operations.cell import Cell
from magnetodb.operations.describe_table import table_named
from magnetodb.operations.table_description import deleted_table_description
from magnetodb.operations.update_table import check_not_in_use


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Answers status DELETING, as AWS does; whoever reads the answer finds no table.

    Raises ResourceNotFoundException, ResourceInUseException, ValidationException for a protected table.
    """
    table = await table_named(cell, context, request["TableName"])
    check_not_in_use(table)
    if table.deletion_protection:
        raise ValidationException(
            "Resource cannot be deleted as it is currently protected against deletion."
            " Disable deletion protection first."
        )
    await cell.tables.delete(table)
    deleting = replace(table, status="DELETING")
    return {"TableDescription": deleted_table_description(context, deleting, cell.settings.clock())}
