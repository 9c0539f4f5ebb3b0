"""DescribeEndpoints: where clients that discover endpoints shall send their requests: where they sent this one."""

from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.operations.cell import Cell

CACHE_PERIOD_MINUTES: Final = 1440


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """The one endpoint of the region, as AWS names it."""
    address = f"dynamodb.{context.region}.amazonaws.com"
    return {"Endpoints": [{"Address": address, "CachePeriodInMinutes": CACHE_PERIOD_MINUTES}]}
