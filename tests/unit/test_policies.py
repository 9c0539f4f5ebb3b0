"""Roles and operations."""

import pytest

from magnetodb.context import RequestContext
from magnetodb.errors import AccessDeniedException
from magnetodb.policies import READ_OPERATIONS, authorize


def context(*roles):
    return RequestContext("id", "orders", "KEY", frozenset(roles), "us-east-1", "000000000000")


@pytest.mark.parametrize("role", ["admin", "member"])
@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "DeleteTable"])
def test_admin_and_member_may_run_everything(role, operation):
    authorize(context(role), operation)


@pytest.mark.parametrize("operation", sorted(READ_OPERATIONS))
def test_reader_may_read(operation):
    authorize(context("reader"), operation)


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "DeleteItem", "CreateTable", "DeleteTable"])
@pytest.mark.parametrize("roles", [["reader"], [], ["somebody"]])
def test_others_may_not_write(roles, operation):
    with pytest.raises(AccessDeniedException) as caught:
        authorize(context(*roles), operation)

    assert (
        f"User: arn:aws:iam::000000000000:user/KEY is not authorized to perform: dynamodb:{operation} "
        "on resource: arn:aws:dynamodb:us-east-1:000000000000:*"
    ) == caught.value.message


def test_the_best_role_counts():
    authorize(context("reader", "member"), "PutItem")
