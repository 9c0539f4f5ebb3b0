"""What operations on items share before they read: the table, the projection."""

from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.errors import ResourceNotFoundException
from magnetodb.expressions.legacy import attributes_to_get
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.expressions.projections import Projection, parse_projection
from magnetodb.model.items import canonical_item
from magnetodb.operations.cell import Cell
from magnetodb.operations.shape_errors import explain_table_name
from magnetodb.operations.shapes import Structure, TableName
from magnetodb.operations.table_names import resolve_table_arn
from magnetodb.storage.tables import TableInfo

_NAMED: Final = Structure("", {"TableName": TableName()})


async def named_table(cell: Cell, context: RequestContext, request: dict[str, Any]) -> TableInfo:
    """The caller's table of that name. Raises ResourceNotFoundException, but first what is wrong with the values of a
    Key, which AWS finds before it looks for the table."""
    try:
        return await cell.tables.get(context.project, request["TableName"])
    except ResourceNotFoundException:
        if request.get("Key") is not None:
            canonical_item(request["Key"])
        raise


async def table_by_name(cell: Cell, context: RequestContext, name: str) -> TableInfo:
    """The caller's table of a name or ARN inside a batch or transaction, which no shape has checked. Raises
    ResourceNotFoundException, but first what is wrong with the name."""
    try:
        return await cell.tables.get(context.project, name)
    except ResourceNotFoundException:
        request = {"TableName": name}
        explain_table_name(_NAMED, request)
        resolve_table_arn(context, request)
        if request["TableName"] == name:
            raise
    return await cell.tables.get(context.project, request["TableName"])


def projection_of(request: dict[str, Any], placeholders: Placeholders) -> Projection | None:
    """The projection of ProjectionExpression, or of the legacy AttributesToGet; None where all is wanted."""
    text = request.get("ProjectionExpression")
    if text is not None:
        return parse_projection(text, placeholders)
    names = request.get("AttributesToGet")
    return None if names is None else attributes_to_get(names)
