"""DescribeEndpoints: where clients that discover endpoints shall send their requests. Never to AWS."""

from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.operations.cell import Cell

CACHE_PERIOD_MINUTES: Final = 1440


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """The one endpoint."""
    return {"Endpoints": [{"Address": cell.settings.endpoint, "CachePeriodInMinutes": CACHE_PERIOD_MINUTES}]}
