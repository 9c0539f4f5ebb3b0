"""ListTables: names of the caller's tables, page by page."""

from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.operations.cell import Cell

PAGE_TABLES_MAX: Final = 100


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Names in the order of their bytes, behind ExclusiveStartTableName, which needs not exist."""
    limit = request.get("Limit") or PAGE_TABLES_MAX
    # One more than asked for tells whether this page is the last one.
    names = await cell.tables.list(context.project, request.get("ExclusiveStartTableName"), limit + 1)
    if len(names) <= limit:
        return {"TableNames": names}
    return {"TableNames": names[:limit], "LastEvaluatedTableName": names[limit - 1]}
