"""UntagResource: tags leave a table; keys that it does not have are no error."""

from typing import Any

from magnetodb.context import RequestContext
from magnetodb.errors import ValidationException
from magnetodb.operations.cell import Cell
from magnetodb.operations.tags import change_tags, check_arn, check_tag_key


async def run(cell: Cell, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ValidationException, ResourceNotFoundException, ResourceInUseException."""
    keys = frozenset(request["TagKeys"])
    check_arn(context, request["ResourceArn"])
    if not keys:
        raise ValidationException("Atleast one Tag Key needs to be provided as Input.")
    for key in request["TagKeys"]:
        check_tag_key(key)

    def without(present: dict[str, str]) -> dict[str, str]:
        return {key: value for key, value in present.items() if key not in keys}

    await change_tags(cell, context, request["ResourceArn"], without)
    return {}
