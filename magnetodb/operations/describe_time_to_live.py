"""DescribeTimeToLive: whether the items of a table expire, and by which attribute."""

from typing import Any

from magnetodb.context import RequestContext
from magnetodb.operations.cell import Cell
from magnetodb.operations.describe_table import table_named


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException."""
    expiry = (await table_named(cell, context, request["TableName"])).time_to_live
    if expiry is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": expiry.status, "AttributeName": expiry.attribute}}
