"""The declared requests against botocore's service model: no member and no constraint is missing."""

import botocore.loaders
import pytest

from magnetodb.operations import OPERATIONS
from magnetodb.operations.requests import REQUESTS
from magnetodb.operations.shapes import (
    Blob,
    Boolean,
    Integer,
    List,
    Long,
    Map,
    String,
    Structure,
    TableName,
)

DEVIATIONS = {
    ("key of a map", "AttributeName"): "lengths of attribute names are checked with the item, in the item's words",
    ("key of a map", "ExpressionAttributeNameVariable"): "no constraint",
    ("key of a map", "ExpressionAttributeValueVariable"): "no constraint",
    ("length of a list", "KeySchema"): "at most two elements, except in global indexes; the model has no maximum",
    ("key of a map", "TableArn"): "names of tables are checked where a table is looked for and not found",
}
"""Shapes of botocore that are not declared, and why."""

MODEL = botocore.loaders.Loader().load_service_model("dynamodb", "service-2")
SHAPES = MODEL["shapes"]


def described_by_botocore(name, seen=()):
    """A shape of botocore as plain data."""
    shape = SHAPES[name]
    kind = shape["type"]
    bounds = (shape.get("min"), shape.get("max"))
    if name in seen:
        return ("again", name)
    inside = (*seen, name)
    if kind == "structure":
        members = {
            member: described_by_botocore(reference["shape"], inside) for member, reference in shape["members"].items()
        }
        return ("structure", name, members, tuple(shape.get("required", ())))
    if kind == "list":
        return ("list", described_by_botocore(shape["member"]["shape"], inside), bounds)
    if kind == "map":
        assert ("key of a map", shape["key"]["shape"]) in DEVIATIONS
        return ("map", described_by_botocore(shape["value"]["shape"], inside), bounds)
    if kind == "string":
        return ("string", bounds, shape.get("pattern"), frozenset(shape.get("enum", ())))
    return (kind, bounds)


def described(shape, seen=()):
    """A declared shape as the same plain data."""
    match shape:
        case Structure() if shape.name in seen:
            return ("again", shape.name)
        case Structure():
            inside = (*seen, shape.name)
            members = {name: described(member, inside) for name, member in shape.members.items()}
            return ("structure", shape.name, members, shape.required)
        case List():
            in_key = type(shape.member) is Structure and shape.member.name == "KeySchemaElement"
            length_max = None if in_key else shape.length_max
            return ("list", described(shape.member, seen), (shape.length_min, length_max))
        case Map():
            return ("map", described(shape.value, seen), (shape.length_min, shape.length_max))
        case TableName():
            return ("string", (shape.length_min, shape.length_max), None, frozenset())
        case String():
            return ("string", (shape.length_min, shape.length_max), shape.pattern, frozenset(shape.enum))
        case Integer() | Long():
            return (type(shape).__name__.lower(), (shape.value_min, shape.value_max))
        case Blob() | Boolean():
            return (type(shape).__name__.lower(), (None, None))


@pytest.mark.parametrize("operation", sorted(REQUESTS))
def test_a_request_is_declared_as_botocore_declares_it(operation):
    expected = described_by_botocore(MODEL["operations"][operation]["input"]["shape"])

    actual = described(REQUESTS[operation])

    assert expected == actual


@pytest.mark.parametrize("operation", sorted(REQUESTS))
def test_members_stand_in_the_order_of_botocore(operation):
    """Violations are listed in this order."""
    expected = list(SHAPES[MODEL["operations"][operation]["input"]["shape"]]["members"])

    actual = list(REQUESTS[operation].members)

    assert expected == actual


def test_every_operation_has_its_request():
    missing = OPERATIONS.keys() - REQUESTS.keys()

    assert set() == missing
