"""DescribeTable: what is known of a table."""

from typing import Any

from magnetodb.context import RequestContext
from magnetodb.model.table import Table
from magnetodb.operations.cell import Cell
from magnetodb.operations.table_description import table_description


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException."""
    table = await table_named(cell, context, request["TableName"])
    counts = await cell.tables.counts_of(table)
    return {"Table": table_description(context, table, cell.settings.clock(), counts)}


async def table_named(cell: Cell, context: RequestContext, name: str) -> Table:
    """The caller's table. Raises ResourceNotFoundException in the words of the operations on tables; those on items
    have others."""
    missing = f"Requested resource not found: Table: {name} not found"
    return (await cell.tables.newest(context.project, name, missing=missing)).table
