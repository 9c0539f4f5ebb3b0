"""From the request of CreateTable to a Table, and every rule of DynamoDB on the way, in AWS's order and words. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

from magnetodb.errors import LimitExceededException, ValidationException
from magnetodb.model.table import AttributeType, Index, IndexKind, KeySchema, Table, Throughput
from magnetodb.operations.describe_limits import TABLE_CAPACITY_UNITS_MAX
from magnetodb.operations.shape_errors import counted
from magnetodb.operations.table_description import ON_DEMAND_WARM_READ_UNITS, ON_DEMAND_WARM_WRITE_UNITS

LOCAL_INDEXES_MAX: Final = 5
GLOBAL_INDEXES_MAX: Final = 20
CAPACITY_UNITS_BOUND: Final = 10**12
PROJECTED_ATTRIBUTES_MAX: Final = 100
GLOBAL_PARTITION_ATTRIBUTES_MAX: Final = 4
GLOBAL_SORT_ATTRIBUTES_MAX: Final = 4

Request = dict[str, Any]
BillingMode = Literal["PROVISIONED", "PAY_PER_REQUEST"]


def invalid(reason: str) -> ValidationException:
    """AWS's usual beginning."""
    return ValidationException(f"One or more parameter values were invalid: {reason}")


def table_of(request: Request, *, project: str, now: float, new_id: Callable[[], str]) -> Table:
    """The table that a CreateTable request describes, in status CREATING, as its indexes are.

    `new_id` gives a UUID that was never given before. Raises ValidationException, LimitExceededException.
    """
    check_present(request)
    billing_mode: BillingMode = request.get("BillingMode") or "PROVISIONED"
    local_requests = request.get("LocalSecondaryIndexes")
    global_requests = request.get("GlobalSecondaryIndexes")
    check_billing_mode(billing_mode, request.get("ProvisionedThroughput"))
    check_bounds(request.get("ProvisionedThroughput"))
    check_index_throughput(billing_mode, global_requests or ())
    attribute_types = attribute_types_of(request["AttributeDefinitions"])
    check_defined(request["KeySchema"], attribute_types)
    key = simple_key_schema(request["KeySchema"])
    if not (local_requests or global_requests):
        check_all_used(attribute_types, [key], indexed=False)
    local_indexes = local_indexes_of(local_requests, key, attribute_types, new_id)
    names = [index.name for index in local_indexes]
    global_indexes = global_indexes_of(global_requests, names, attribute_types, billing_mode, new_id)
    indexes = {index.name: index for index in local_indexes + global_indexes}
    check_projected_attributes(indexes.values())
    check_all_used(attribute_types, [key, *(index.key for index in indexes.values())], indexed=bool(indexes))
    throughput = throughput_of(request.get("ProvisionedThroughput"))
    return Table(
        project=project,
        name=request["TableName"],
        id=new_id(),
        rows_id=rows_id(new_id),
        key=key,
        attribute_types=attribute_types,
        indexes=indexes,
        created=now,
        status="CREATING",
        billing_mode=billing_mode,
        pay_per_request_since=now if billing_mode == "PAY_PER_REQUEST" else None,
        throughput=throughput,
        on_demand=on_demand_of(request, billing_mode),
        warm=warm_of(request, billing_mode, throughput),
        deletion_protection=request.get("DeletionProtectionEnabled") or False,
        table_class=request.get("TableClass") or "STANDARD",
        sse=sse_of(request.get("SSESpecification")),
    )


def check_present(request: Request) -> None:
    """Members that only a global table's request may leave out."""
    absent = [name for name in ("AttributeDefinitions", "KeySchema") if request.get(name) is None]
    if absent:
        raise ValidationException(
            counted(
                [
                    f"Value null at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
                    for name in absent
                ]
            )
        )


# ---- throughput


def check_billing_mode(billing_mode: str, throughput: Request | None) -> None:
    """Provisioned tables say how much, on-demand tables do not."""
    if billing_mode == "PROVISIONED" and throughput is None:
        raise invalid("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
    if billing_mode == "PAY_PER_REQUEST" and throughput is not None:
        raise invalid(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )


def check_index_throughput(billing_mode: str, indexes: Iterable[Request]) -> None:
    """The same for GSIs."""
    for index in indexes:
        given = index.get("ProvisionedThroughput") is not None
        check_bounds(index.get("ProvisionedThroughput"), index["IndexName"])
        if billing_mode == "PROVISIONED" and not given:
            raise invalid(f"ProvisionedThroughput must be specified for index: {index['IndexName']}")
        if billing_mode == "PAY_PER_REQUEST" and given:
            raise invalid(
                f"ProvisionedThroughput should not be specified for index: {index['IndexName']}"
                " when BillingMode is PAY_PER_REQUEST"
            )


def check_bounds(throughput: Request | None, index: str | None = None) -> None:
    """What no quota could allow is not even asked for; `index` is the GSI whose throughput it is."""
    if throughput is None:
        return
    for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if throughput[name] > CAPACITY_UNITS_BOUND:
            whose = "" if index is None else f" for index {index}"
            raise ValidationException(f"Given value {throughput[name]} for {name} is out of bounds{whose}")


def throughput_of(request: Request | None) -> Throughput:
    """What was asked for, or none; within the quota that DescribeLimits shows."""
    if request is None:
        return Throughput()
    for name, units in request.items():
        if name in ("ReadCapacityUnits", "WriteCapacityUnits") and units > TABLE_CAPACITY_UNITS_MAX:
            raise LimitExceededException(
                f"Subscriber limit exceeded: The requested {name} of {units} exceeds the limit of"
                f" {TABLE_CAPACITY_UNITS_MAX} per table or index"
            )
    return Throughput(request["ReadCapacityUnits"], request["WriteCapacityUnits"])


def on_demand_of(request: Request, billing_mode: str) -> dict[str, int] | None:
    """The limits of an on-demand table or index; -1 is none."""
    on_demand = given_members(request.get("OnDemandThroughput"), ("MaxReadRequestUnits", "MaxWriteRequestUnits"))
    if on_demand is None:
        return None
    if billing_mode != "PAY_PER_REQUEST":
        raise invalid("OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST")
    for name, units in on_demand.items():
        if units < 1 and units != -1:
            raise invalid(f"{name} must be -1 or greater than or equal to 1")
    return on_demand


def warm_of(request: Request, billing_mode: str, throughput: Throughput) -> dict[str, int] | None:
    """What shall be served at once; not less than what is served anyway."""
    warm = given_members(request.get("WarmThroughput"), ("ReadUnitsPerSecond", "WriteUnitsPerSecond"))
    if warm is None:
        return None
    least = {"ReadUnitsPerSecond": throughput.read, "WriteUnitsPerSecond": throughput.write}
    if billing_mode == "PAY_PER_REQUEST":
        least = {
            "ReadUnitsPerSecond": ON_DEMAND_WARM_READ_UNITS,
            "WriteUnitsPerSecond": ON_DEMAND_WARM_WRITE_UNITS,
        }
    for name, units in warm.items():
        if units < least[name]:
            raise invalid(
                f"Requested {name} for WarmThroughput is lower than required minimum."
                f" Requested: {units}, minimum: {least[name]}"
            )
    return warm


def given_members(request: Request | None, names: tuple[str, ...]) -> dict[str, int] | None:
    """The known members that were given; None where there is none."""
    if request is None:
        return None
    return {name: request[name] for name in names if request.get(name) is not None} or None


def sse_of(request: Request | None) -> dict[str, Any] | None:
    """The key that DescribeTable shall show; None where encryption with a key of one's own is not asked for."""
    if request is None:
        return None
    if not request.get("Enabled"):
        if request.get("SSEType") is not None or request.get("KMSMasterKeyId") is not None:
            raise invalid("SSEType and KMSMasterKeyId can only be specified when Server-Side Encryption is enabled")
        return None
    if request.get("SSEType") == "AES256":
        raise invalid("SSEType AES256 is not supported")
    return {"KMSMasterKeyId": request.get("KMSMasterKeyId")}


# ---- keys


def attribute_types_of(definitions: Sequence[Request]) -> dict[str, AttributeType]:
    """Name to type, in the order given."""
    types = {definition["AttributeName"]: definition["AttributeType"] for definition in definitions}
    if len(types) != len(definitions):
        raise invalid("Duplicate AttributeName in AttributeDefinitions")
    return types


def check_defined(elements: Sequence[Request], attribute_types: dict[str, AttributeType]) -> None:
    """Every key attribute has a type."""
    names = [element["AttributeName"] for element in elements]
    if not set(names) <= attribute_types.keys():
        raise invalid(
            "Some index key attributes are not defined in AttributeDefinitions."
            f" Keys: {listed(names)}, AttributeDefinitions: {listed(attribute_types)}"
        )


def check_all_used(attribute_types: dict[str, AttributeType], keys: Iterable[KeySchema], *, indexed: bool) -> None:
    """Every type belongs to a key attribute."""
    used = dict.fromkeys(name for key in keys for name in key.names)
    if len(used) == len(attribute_types):
        return
    if not indexed:
        raise invalid(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in"
            " AttributeDefinitions"
        )
    raise invalid(
        "Some AttributeDefinitions are not used."
        f" AttributeDefinitions: {listed(attribute_types)}, keys used: {listed(used)}"
    )


def simple_key_schema(elements: Sequence[Request]) -> KeySchema:
    """The key of a table or an LSI: HASH, or HASH and RANGE."""
    names = [element["AttributeName"] for element in elements]
    if elements[0]["KeyType"] != "HASH":
        raise ValidationException("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(elements) == 2:
        if elements[1]["KeyType"] != "RANGE":
            raise ValidationException("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
        if names[0] == names[1]:
            raise ValidationException("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    return KeySchema((names[0],), tuple(names[1:]))


def global_key_schema(elements: Sequence[Request], index: str) -> KeySchema:
    """The key of a GSI: one to four HASH, then none to four RANGE, all of different names."""
    if len(elements) <= 2 and any(element["KeyType"] == "RANGE" for element in elements):
        return simple_key_schema(elements)
    kinds = [element["KeyType"] for element in elements]
    names = [element["AttributeName"] for element in elements]
    partition = kinds.count("HASH")
    if kinds[0] != "HASH":
        raise ValidationException("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if "HASH" in kinds[partition:]:
        raise ValidationException("Invalid KeySchema: All HASH KeySchemaElements must come before the RANGE ones")
    if partition > GLOBAL_PARTITION_ATTRIBUTES_MAX:
        raise invalid(
            f"Too many KeySchema elements specified for index: {index}."
            f" At most {GLOBAL_PARTITION_ATTRIBUTES_MAX} HASH key attributes are allowed"
        )
    if len(kinds) - partition > GLOBAL_SORT_ATTRIBUTES_MAX:
        raise invalid(
            f"Too many KeySchema elements specified for index: {index}."
            f" At most {GLOBAL_SORT_ATTRIBUTES_MAX} RANGE key attributes are allowed"
        )
    if len(set(names)) != len(names):
        raise invalid(f"Duplicate AttributeName in KeySchema for index: {index}")
    return KeySchema(tuple(names[:partition]), tuple(names[partition:]))


def listed(names: Iterable[str]) -> str:
    """[a, b] as Java prints a list."""
    return f"[{', '.join(names)}]"


# ---- indexes


def local_indexes_of(
    requests: Sequence[Request] | None,
    table_key: KeySchema,
    attribute_types: dict[str, AttributeType],
    new_id: Callable[[], str],
) -> list[Index]:
    """The LSIs of a request."""
    if requests is None:
        return []
    if not requests:
        raise invalid("List of LocalSecondaryIndexes is empty")
    if not table_key.sort:
        raise invalid(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
        )
    indexes: list[Index] = []
    for request in requests:
        check_defined(request["KeySchema"], attribute_types)
        check_new_index_name(request["IndexName"], [index.name for index in indexes])
        key = simple_key_schema(request["KeySchema"])
        if not key.sort:
            raise invalid(f"Index KeySchema does not have a range key for index: {request['IndexName']}")
        if key.partition != table_key.partition:
            raise invalid(
                "Index KeySchema does not have the same leading hash key as table KeySchema for index:"
                f" {request['IndexName']}. index hash key: {key.partition[0]}, table hash key: {table_key.partition[0]}"
            )
        indexes.append(index_of(request, "LSI", key, new_id))
    if len(indexes) > LOCAL_INDEXES_MAX:
        raise invalid(f"Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_INDEXES_MAX}")
    return indexes


def global_indexes_of(
    requests: Sequence[Request] | None,
    names: Sequence[str],
    attribute_types: dict[str, AttributeType],
    billing_mode: str,
    new_id: Callable[[], str],
) -> list[Index]:
    """The GSIs of a request; `names` are taken by its LSIs."""
    if requests is None:
        return []
    if not requests:
        raise invalid("List of GlobalSecondaryIndexes is empty")
    indexes: list[Index] = []
    for request in requests:
        check_defined(request["KeySchema"], attribute_types)
        check_new_index_name(request["IndexName"], [*names, *(index.name for index in indexes)])
        key = global_key_schema(request["KeySchema"], request["IndexName"])
        throughput = throughput_of(request.get("ProvisionedThroughput"))
        indexes.append(
            index_of(
                request,
                "GSI",
                key,
                new_id,
                throughput=throughput,
                on_demand=on_demand_of(request, billing_mode),
                warm=warm_of(request, billing_mode, throughput),
            )
        )
    if len(indexes) > GLOBAL_INDEXES_MAX:
        raise invalid(f"GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_INDEXES_MAX}")
    return indexes


def check_new_index_name(name: str, names: Sequence[str]) -> None:
    """Names of indexes are unique within a table, whatever their kind."""
    if name in names:
        raise invalid(f"Duplicate index name: {name}")


def index_of(request: Request, kind: IndexKind, key: KeySchema, new_id: Callable[[], str], **settings: Any) -> Index:
    """One index of a request, in status CREATING."""
    projection = request["Projection"]
    projection_type = projection.get("ProjectionType")
    attributes = projection.get("NonKeyAttributes")
    if projection_type is None:
        raise invalid("Unknown ProjectionType: null")
    if projection_type == "INCLUDE" and not attributes:
        raise invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if projection_type != "INCLUDE" and attributes is not None:
        raise invalid(f"ProjectionType is {projection_type}, but NonKeyAttributes is specified")
    return Index(
        name=request["IndexName"],
        kind=kind,
        key=key,
        projection=projection_type,
        attributes=tuple(dict.fromkeys(attributes or ())),
        rows_id=rows_id(new_id),
        status="CREATING",
        **settings,
    )


def check_projected_attributes(indexes: Iterable[Index]) -> None:
    """The same attribute in two indexes counts twice."""
    total = sum(len(index.attributes) for index in indexes)
    if total > PROJECTED_ATTRIBUTES_MAX:
        raise invalid(
            f"The total number of NonKeyAttributes of all indexes exceeds the per-table limit of"
            f" {PROJECTED_ATTRIBUTES_MAX}. Specified: {total}"
        )


def rows_id(new_id: Callable[[], str]) -> str:
    """The id of a new row table."""
    return f"t_{new_id().replace('-', '')}"
