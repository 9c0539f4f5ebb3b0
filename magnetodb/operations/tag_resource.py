"""TagResource: tags come to a table; one whose key is there takes the new value."""

from typing import Any

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.operations.cell import Cell
from magnetodb.operations.tags import change_tags, check_arn, tags_of


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ValidationException, ResourceNotFoundException, ResourceInUseException."""
    tags = request["Tags"]
    check_arn(context, request["ResourceArn"])
    if not tags:
        raise ValidationException("Atleast one Tag needs to be provided as Input.")
    await change_tags(cell, context, request["ResourceArn"], lambda present: tags_of(tags, present))
    return {}
