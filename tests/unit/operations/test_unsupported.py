import pytest

from magnetodb.errors import ValidationException
from magnetodb.operations.requests import REQUESTS
from magnetodb.operations.unsupported import UNSUPPORTED, refuse_unsupported


@pytest.mark.parametrize(
    ("operation", "member", "value"),
    [
        ("CreateTable", "StreamSpecification", {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}),
        ("CreateTable", "ResourcePolicy", "{}"),
        ("CreateTable", "GlobalTableSourceArn", "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"),
        ("CreateTable", "VectorIndexes", [{}]),
        ("UpdateTable", "ReplicaUpdates", [{"Create": {"RegionName": "eu-west-1"}}]),
        ("UpdateTable", "MultiRegionConsistency", "STRONG"),
    ],
)
def test_what_does_not_exist_is_refused(operation, member, value):
    with pytest.raises(ValidationException) as caught:
        refuse_unsupported(operation, {member: value})

    assert caught.value.message.endswith(f"are not supported here: {operation} cannot honour {member}.")


@pytest.mark.parametrize(
    ("member", "value"),
    [("StreamSpecification", {"StreamEnabled": False}), ("ResourcePolicy", None)],
)
def test_what_asks_for_nothing_passes(member, value):
    refuse_unsupported("CreateTable", {member: value})


def test_only_declared_members_are_listed():
    unknown = {
        (operation, member)
        for operation, members in UNSUPPORTED.items()
        for member in members
        if member not in REQUESTS[operation].members
    }

    assert set() == unknown
