"""Strategies; what a signature is worth is in test_signature.py."""

import pytest

from magnetodb.api import auth
from magnetodb.api.http_messages import Request
from magnetodb.api.signature import AccessKey
from magnetodb.context import RequestContext
from magnetodb.errors import MissingAuthenticationTokenException

PLACE = {"region": "eu-west-1", "account_id": "123456789012"}


@pytest.mark.parametrize("headers", [{}, {b"authorization": b"nonsense"}])
def test_with_strategy_none_everybody_is_the_same(headers):
    context = auth.anonymous(**PLACE)(Request("POST", "/", "", headers, b""), "id")

    assert RequestContext("id", "default", "anonymous", frozenset({"admin"}), "eu-west-1", "123456789012") == context


def test_with_sigv4_who_does_not_sign_is_nobody():
    authenticate = auth.signed([AccessKey("AK", "secret", "orders", "member")], **PLACE)

    with pytest.raises(MissingAuthenticationTokenException):
        authenticate(Request("POST", "/", "", {}, b""), "id")
