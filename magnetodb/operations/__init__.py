"""Every operation that is served, and the one way to run them: shape, policy, then the operation's own `run`."""

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.errors import ResourceNotFoundException, UnknownOperationException, ValidationException
from magnetodb.operations import (
    batch_get_item,
    batch_write_item,
    create_table,
    delete_item,
    delete_table,
    describe_endpoints,
    describe_limits,
    describe_table,
    describe_time_to_live,
    get_item,
    list_tables,
    list_tags_of_resource,
    put_item,
    query,
    scan,
    tag_resource,
    transact_get_items,
    transact_write_items,
    untag_resource,
    update_item,
    update_table,
    update_time_to_live,
)
from magnetodb.operations.cell import Cell
from magnetodb.operations.requests import REQUESTS
from magnetodb.operations.shape_errors import explain, explain_types
from magnetodb.operations.shapes import Check, Structure, compiled
from magnetodb.operations.table_names import resolve_table_arn
from magnetodb.policies import authorize

OPERATIONS: Final[dict[str, ModuleType]] = {
    "BatchGetItem": batch_get_item,
    "BatchWriteItem": batch_write_item,
    "CreateTable": create_table,
    "DeleteItem": delete_item,
    "DeleteTable": delete_table,
    "DescribeEndpoints": describe_endpoints,
    "DescribeLimits": describe_limits,
    "DescribeTable": describe_table,
    "DescribeTimeToLive": describe_time_to_live,
    "GetItem": get_item,
    "ListTables": list_tables,
    "ListTagsOfResource": list_tags_of_resource,
    "PutItem": put_item,
    "Query": query,
    "Scan": scan,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "TransactGetItems": transact_get_items,
    "TransactWriteItems": transact_write_items,
    "UpdateItem": update_item,
    "UpdateTable": update_table,
    "UpdateTimeToLive": update_time_to_live,
}
"""Each module has `async def run(cell, context, request) -> dict`; its request's shape is in `requests.py`."""

Run = Callable[[Cell, RequestContext, dict[str, Any]], Awaitable[dict[str, Any]]]

_SERVED: Final[dict[str, tuple[Check, Run, Structure]]] = {
    name: (compiled(REQUESTS[name]), module.run, REQUESTS[name]) for name, module in OPERATIONS.items()
}


async def run(cell: Cell, context: RequestContext, operation_name: str, request: dict[str, Any]) -> dict[str, Any]:
    """The response of an operation, ready for orjson. `request` is parsed JSON and becomes the operation's own.

    Raises ServiceError: UnknownOperationException, SerializationException, ValidationException, AccessDeniedException,
    or what the operation raises.
    """
    served = _SERVED.get(operation_name)
    if served is None:
        raise UnknownOperationException()
    fits, run_operation, shape = served
    if not fits(request):
        explain(shape, request)
        arn = request.get("TableName")
        if resolve_table_arn(context, request):
            answer = await run(cell, context, operation_name, request)
            if "ConsumedCapacity" in answer:
                # It names the table as the request does.
                answer["ConsumedCapacity"]["TableName"] = arn
            return answer
    authorize(context, operation_name)
    if cell.settings.failures is not None:
        cell.settings.failures.check(operation_name, request)
    try:
        try:
            return await run_operation(cell, context, request)
        except ResourceNotFoundException:
            if not await cell.tables.may_be_behind():
                raise
            # Another process has deleted the table, or its index, and perhaps made another of its name.
            return await run_operation(cell, context, request)
    except (ValidationException, ResourceNotFoundException):
        # The fast walk leaves attribute values to the operation; a wrong JSON type in any of them comes first.
        explain_types(shape, request)
        raise
