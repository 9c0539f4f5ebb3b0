import pytest

from magnetodb.context import RequestContext
from magnetodb.errors import AccessDeniedException, ValidationException
from magnetodb.operations.table_names import index_arn, resolve_table_arn

CONTEXT = RequestContext("r", "p", "u", frozenset({"admin"}), "eu-west-1", "123456789012")


def test_an_arn_becomes_the_name():
    request = {"TableName": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"}
    resolve_table_arn(CONTEXT, request)

    assert {"TableName": "orders"} == request


def test_a_name_stays():
    request = {"TableName": "orders"}
    resolve_table_arn(CONTEXT, request)

    assert {"TableName": "orders"} == request


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/ab", ValidationException),
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/orders/index/abc", ValidationException),
        ("arn:aws:s3:::bucket", ValidationException),
        ("arn:aws:dynamodb:us-east-1:123456789012:table/orders", ValidationException),
        ("arn:aws:dynamodb:eu-west-1:000000000000:table/orders", AccessDeniedException),
    ],
)
def test_what_is_no_table_of_the_caller_is_refused(arn, kind):
    with pytest.raises(kind):
        resolve_table_arn(CONTEXT, {"TableName": arn})


def test_the_arn_of_an_index_continues_its_table():
    actual = index_arn(CONTEXT, "orders", "by-day")

    assert "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/index/by-day" == actual
