"""What operations on items share before they read: the table, the projection."""

from typing import Any

from magnetodb.context import RequestContext
from magnetodb.errors import ResourceNotFoundException
from magnetodb.expressions.legacy import attributes_to_get
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.expressions.projections import Projection, parse_projection
from magnetodb.model.items import canonical_item
from magnetodb.operations.cell import Cell
from magnetodb.storage.tables import TableInfo


async def named_table(cell: Cell, context: RequestContext, request: dict[str, Any]) -> TableInfo:
    """The caller's table of that name. Raises ResourceNotFoundException, but first what is wrong with the values of a
    Key, which AWS finds before it looks for the table."""
    try:
        return await cell.tables.get(context.project, request["TableName"])
    except ResourceNotFoundException:
        if request.get("Key") is not None:
            canonical_item(request["Key"])
        raise


def projection_of(request: dict[str, Any], placeholders: Placeholders) -> Projection | None:
    """The projection of ProjectionExpression, or of the legacy AttributesToGet; None where all is wanted."""
    text = request.get("ProjectionExpression")
    if text is not None:
        return parse_projection(text, placeholders)
    names = request.get("AttributesToGet")
    return None if names is None else attributes_to_get(names)
