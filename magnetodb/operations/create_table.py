"""CreateTable: a table and its indexes, at once and empty."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

from magnetodb.context import RequestContext
from magnetodb.operations.cell import Cell
from magnetodb.operations.table_definition import table_of
from magnetodb.operations.table_description import table_description
from magnetodb.operations.tags import tags_of
from magnetodb.operations.unsupported import refuse_unsupported


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Answers status CREATING, as AWS does; whoever reads the answer finds the table ACTIVE.

    Raises ValidationException, LimitExceededException, ResourceInUseException for a name that is taken.
    """
    refuse_unsupported("CreateTable", request)
    now = cell.settings.clock()
    table = table_of(request, project=context.project, now=now, new_id=lambda: str(uuid4()))
    if request.get("Tags"):
        table = replace(table, tags=tags_of(request["Tags"], {}))
    await cell.tables.create(table)
    return {"TableDescription": table_description(context, table, now)}
