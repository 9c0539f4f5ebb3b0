"""Signatures are compared with botocore's signers, which are what callers use."""

import datetime
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from magnetodb.api.http_messages import Request
from magnetodb.api.signature import NO_MATCH, UNKNOWN_TOKEN, AccessKey, verify
from magnetodb.errors import (
    AuthenticationError,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

KEY = AccessKey("AKEXAMPLE", "secret/with+signs", "orders", "member")
KEY_WITH_TOKEN = AccessKey("ASEXAMPLE", "another", "orders", "reader", "session//token==")
KEYS = {KEY.key_id: KEY, KEY_WITH_TOKEN.key_id: KEY_WITH_TOKEN}
REGION = "us-east-1"


class Presigner(SigV4QueryAuth):
    """botocore's, but the body stays a body: botocore's own moves its members into the query string."""

    def __init__(self, *args):
        super().__init__(*args)
        self.body = b""

    def _modify_request_before_signing(self, request):
        self.body, request.data = request.data, b""
        super()._modify_request_before_signing(request)

    def payload(self, request):
        return sha256(self.body).hexdigest()


def signed_request(key=KEY, *, body=b"{}", query="", signer=SigV4Auth, region=REGION, service="dynamodb", headers=None):
    """What the server receives of a request that botocore has signed."""
    request = AWSRequest(
        "POST",
        f"http://127.0.0.1:8480/{'?' + query if query else ''}",
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.ListTables",
            **(headers or {}),
        },
        data=body,
    )
    signer(Credentials(key.key_id, key.secret, key.session_token or None), service, region).add_auth(request)
    prepared = request.prepare()
    received = {name.lower().encode(): value_bytes(value) for name, value in prepared.headers.items()}
    received.setdefault(b"host", b"127.0.0.1:8480")
    return Request("POST", "/", urlsplit(prepared.url).query, received, body)


def value_bytes(value):
    return value if isinstance(value, bytes) else value.encode()


def now():
    return datetime.datetime.now(datetime.UTC).timestamp()


def check(request, at=None):
    return verify(request, KEYS.get, region=REGION, now=now() if at is None else at)


def with_header(request, name, value):
    headers = {key: content for key, content in request.headers.items() if key != name}
    return request._replace(headers=headers if value is None else {**headers, name: value})


@pytest.mark.parametrize("signer", [SigV4Auth, Presigner])
@pytest.mark.parametrize("key", [KEY, KEY_WITH_TOKEN])
@pytest.mark.parametrize("query", ["", "b=2&a=%20%2F~", "a&b=&a=1"])
def test_what_botocore_signs_is_accepted(signer, key, query):
    request = signed_request(key, signer=signer, query=query)

    assert key == check(request)


@given(body=st.binary(max_size=300))
def test_any_body_is_accepted_as_it_was_signed(body):
    assert KEY == check(signed_request(body=body))


@pytest.mark.parametrize("signer", [SigV4Auth, Presigner])
def test_another_body_is_refused(signer):
    request = signed_request(signer=signer)._replace(body=b"{ }")

    with pytest.raises(InvalidSignatureException) as caught:
        check(request)

    assert NO_MATCH == caught.value.message


@pytest.mark.parametrize("header", [b"x-amz-target", b"host", b"content-type"])
def test_another_value_of_a_signed_header_is_refused(header):
    with pytest.raises(InvalidSignatureException):
        check(with_header(signed_request(), header, b"DynamoDB_20120810.DeleteTable"))


def test_runs_of_spaces_in_a_header_are_signed_as_one():
    request = signed_request(headers={"X-Amz-Meta": "a   b"})

    assert KEY == check(request)


def test_the_secret_of_another_key_is_refused():
    forger = AccessKey(KEY.key_id, "guessed", "", "")

    with pytest.raises(InvalidSignatureException) as caught:
        check(signed_request(forger))

    assert NO_MATCH == caught.value.message


def test_an_unknown_key_is_refused():
    with pytest.raises(UnrecognizedClientException) as caught:
        check(signed_request(AccessKey("NOBODY", "x", "", "")))

    assert UNKNOWN_TOKEN == caught.value.message


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_key_of_a_session_needs_its_token(token):
    with pytest.raises(UnrecognizedClientException):
        check(signed_request(KEY_WITH_TOKEN._replace(session_token=token)))


def test_a_token_that_nobody_issued_is_refused():
    with pytest.raises(UnrecognizedClientException):
        check(signed_request(KEY._replace(session_token="invented")))


def test_a_request_without_signature_is_refused():
    request = with_header(signed_request(), b"authorization", None)

    with pytest.raises(MissingAuthenticationTokenException) as caught:
        check(request)

    assert "Request is missing Authentication Token" == caught.value.message


def test_another_scheme_is_no_signature():
    with pytest.raises(MissingAuthenticationTokenException):
        check(with_header(signed_request(), b"authorization", b"Basic dXNlcjpwYXNz"))


def test_what_an_authorization_header_lacks_is_listed():
    request = with_header(signed_request(), b"authorization", b"AWS4-HMAC-SHA256 SignedHeaders=host")

    with pytest.raises(IncompleteSignatureException) as caught:
        check(with_header(request, b"x-amz-date", None))

    assert (
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        "Authorization=AWS4-HMAC-SHA256 SignedHeaders=host"
    ) == caught.value.message


def test_what_a_presigned_query_lacks_is_listed():
    request = Request("POST", "/", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260101T000000Z", {}, b"")

    with pytest.raises(IncompleteSignatureException) as caught:
        check(request)

    assert (
        "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include "
        "'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. "
        "Re-examine the query-string parameters."
    ) == caught.value.message


def test_both_forms_at_once_are_refused():
    request = signed_request(signer=Presigner)

    with pytest.raises(InvalidSignatureException) as caught:
        check(with_header(request, b"authorization", signed_request().headers[b"authorization"]))

    assert (
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
        == caught.value.message
    )


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"service": "s3"}, "Credential should be scoped to correct service: 'dynamodb'. "),
        ({"region": "mars-north-1"}, "Credential should be scoped to a valid region, not 'mars-north-1'. "),
    ],
)
def test_a_signature_for_another_place_is_refused(scope, message):
    with pytest.raises(InvalidSignatureException) as caught:
        check(signed_request(**scope))

    assert message == caught.value.message


def test_an_old_signature_is_refused():
    request = signed_request()
    signed_at = request.headers[b"x-amz-date"].decode()

    with pytest.raises(InvalidSignatureException) as caught:
        check(request, at=now() + 16 * 60)

    assert caught.value.message.startswith(f"Signature expired: {signed_at} is now earlier than ")
    assert caught.value.message.endswith(" - 15 min.)")


def test_a_signature_of_the_future_is_refused():
    with pytest.raises(InvalidSignatureException) as caught:
        check(signed_request(), at=now() - 16 * 60)

    assert caught.value.message.startswith("Signature not yet current: ")
    assert caught.value.message.endswith(" + 15 min.)")


@pytest.mark.parametrize("minutes", [-14, 14])
def test_clocks_may_differ_by_almost_15_minutes(minutes):
    assert KEY == check(signed_request(), at=now() + 60 * minutes)


def test_a_presigned_request_is_good_until_it_expires():
    """botocore's default: one hour."""
    request = signed_request(signer=Presigner)

    assert KEY == check(request, at=now() + 3500)
    with pytest.raises(InvalidSignatureException, match="Signature expired"):
        check(request, at=now() + 3700)


@pytest.mark.parametrize("header", ["x-amz-target", "x-amz-date", "host"])
def test_what_changes_the_meaning_must_be_signed(header):
    request = signed_request()
    authorization = request.headers[b"authorization"].decode()
    signed_headers = authorization.split("SignedHeaders=")[1].split(",")[0]
    fewer = ";".join(name for name in signed_headers.split(";") if name != header)

    with pytest.raises(InvalidSignatureException, match="must be a 'SignedHeader'"):
        check(with_header(request, b"authorization", authorization.replace(signed_headers, fewer).encode()))


@pytest.mark.parametrize("credential", ["", "a", "a/b/c/d", "a/b/c/d/e/f"])
def test_a_credential_of_another_form_is_refused(credential):
    value = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00"

    with pytest.raises(IncompleteSignatureException):
        check(with_header(signed_request(), b"authorization", value.encode()))


@pytest.mark.parametrize("date", [b"yesterday", b"20261301T000000Z", b"00000000T000000Z", b"2026-01-01T00:00:00Z"])
def test_a_date_of_another_form_is_refused(date):
    request = signed_request()
    authorization = request.headers[b"authorization"].decode()
    day = authorization.split("/")[1]

    with pytest.raises((IncompleteSignatureException, InvalidSignatureException)):
        check(
            with_header(
                with_header(request, b"x-amz-date", date),
                b"authorization",
                authorization.replace(day, date[:8].decode()).encode(),
            )
        )


@given(
    authorization=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")),
    date=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")),
    query=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0 ")),
)
def test_nonsense_is_refused_and_nothing_else(authorization, date, query):
    """Whatever bytes come, only an AuthenticationError leaves."""
    headers = {
        b"authorization": ("AWS4-HMAC-SHA256 " + authorization).encode("latin-1"),
        b"date": date.encode("latin-1"),
    }
    presigned = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={query}&X-Amz-Signature=1&X-Amz-SignedHeaders=host"

    for request in (
        Request("POST", "/", "", headers, b""),
        Request("POST", "/", f"{presigned}&X-Amz-Date=20260101T000000Z&X-Amz-Expires={query}", {}, b""),
        Request("POST", "/", "X-Amz-" + query, {}, b""),
    ):
        with pytest.raises(AuthenticationError):
            check(request)
