"""AWS Signature Version 4: what a request claims, and whether its signature proves it.

Pure: the caller gives the request, the keys and the time. Two forms are known, the Authorization header and the
presigned query string. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import re
from calendar import timegm
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest
from time import gmtime, strftime
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from magnetodb.api.http_messages import Headers, Request
from magnetodb.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SERVICE: Final = "dynamodb"
TERMINATOR: Final = "aws4_request"
SKEW_SECONDS_MAX: Final = 15 * 60
EXPIRES_SECONDS_MAX: Final = 7 * 24 * 3600
SIGNING_KEYS_MAX: Final = 1024

NO_MATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
UNKNOWN_TOKEN: Final = "The security token included in the request is invalid."
MISSING_TOKEN: Final = "Request is missing Authentication Token"

SIGNED_IF_PRESENT: Final = (b"x-amz-target", b"x-amz-date", b"x-amz-security-token")
"""Headers that change what a request means; one that is present must be signed."""


class AccessKey(NamedTuple):
    """Who a key stands for. With a `session_token`, the key is only good together with it."""

    key_id: str
    secret: str
    project: str
    role: str
    session_token: str = ""


class Claim(NamedTuple):
    """What a request says about its signature. `scope` is date/region/service/terminator; `query` is what is signed of
    the query string."""

    key_id: str
    scope: tuple[str, str, str, str]
    signed_headers: str
    signature: str
    timestamp: str
    session_token: str
    query: str
    expires_seconds: int | None = None


def verify(request: Request, access_key: Callable[[str], AccessKey | None], *, region: str, now: float) -> AccessKey:
    """The access key that signed exactly this request.

    `access_key` finds a key by its id. Raises the AuthenticationError that AWS would give: the form is checked first,
    then key and token, scope and date, and the signature last.
    """
    claim = claimed(request)
    key = access_key(claim.key_id)
    if key is None or not compare_digest(key.session_token.encode(), claim.session_token.encode()):
        raise UnrecognizedClientException(UNKNOWN_TOKEN)
    check_scope(claim, region)
    check_date(claim, now)
    check_signed_headers(claim, request.headers)
    expected = signature(request, claim, key.secret)
    if not compare_digest(expected.encode(), claim.signature.encode()):
        raise InvalidSignatureException(NO_MATCH)
    return key


def claimed(request: Request) -> Claim:
    """The claim of the Authorization header, or else of the query string."""
    authorization = request.headers.get(b"authorization")
    presigned = "X-Amz-" in request.query
    if authorization is None:
        if presigned:
            return claimed_by_query(request)
        raise MissingAuthenticationTokenException(MISSING_TOKEN)
    if presigned and "X-Amz-Algorithm=" in request.query:
        raise InvalidSignatureException(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
        )
    return claimed_by_header(request, authorization.decode("latin-1"))


def claimed_by_header(request: Request, authorization: str) -> Claim:
    """AWS4-HMAC-SHA256 Credential=.., SignedHeaders=.., Signature=.."""
    algorithm, _, rest = authorization.partition(" ")
    if not algorithm.startswith("AWS4-"):
        raise MissingAuthenticationTokenException(MISSING_TOKEN)
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    headers = request.headers
    timestamp = (headers.get(b"x-amz-date") or basic_date(headers.get(b"date", b""))).decode("latin-1")
    complaints = [
        f"Authorization header requires '{name}' parameter. "
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    ]
    if not timestamp:
        complaints.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    if complaints:
        raise IncompleteSignatureException("".join(complaints) + "Authorization=" + authorization)
    key_id, scope = parsed_credential(parts["Credential"])
    return Claim(
        key_id,
        scope,
        parts["SignedHeaders"],
        parts["Signature"],
        checked_timestamp(timestamp),
        headers.get(b"x-amz-security-token", b"").decode("latin-1"),
        canonical_query(request.query) if request.query else "",
    )


def claimed_by_query(request: Request) -> Claim:
    """X-Amz-Algorithm, -Credential, -Date, -Expires, -SignedHeaders, -Security-Token, -Signature."""
    pairs = query_pairs(request.query)
    given = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    complaints = [
        f"AWS query-string parameters must include '{name}'. "
        for name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
        if not given.get(name)
    ]
    if complaints:
        raise IncompleteSignatureException("".join(complaints) + "Re-examine the query-string parameters.")
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{given['X-Amz-Algorithm']}'.")
    expires = given.get("X-Amz-Expires", str(SKEW_SECONDS_MAX))
    if not re.fullmatch("[0-9]{1,6}", expires) or int(expires) > EXPIRES_SECONDS_MAX:
        raise IncompleteSignatureException(
            f"X-Amz-Expires must be a number of seconds from 0 to {EXPIRES_SECONDS_MAX}; got '{expires}'."
        )
    key_id, scope = parsed_credential(given["X-Amz-Credential"])
    return Claim(
        key_id,
        scope,
        given["X-Amz-SignedHeaders"],
        given["X-Amz-Signature"],
        checked_timestamp(given["X-Amz-Date"]),
        given.get("X-Amz-Security-Token", ""),
        canonical([pair for pair in pairs if pair[0] != b"X-Amz-Signature"]),
        int(expires),
    )


def parsed_credential(credential: str) -> tuple[str, tuple[str, str, str, str]]:
    """Key id, and the scope (date, region, service, terminator)."""
    elements = credential.split("/")
    if len(elements) != 5:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'"
        )
    key_id, date, region, service, terminator = elements
    return key_id, (date, region, service, terminator)


def check_scope(claim: Claim, region: str) -> None:
    """Raise InvalidSignatureException where the signature was made for another service, region or day."""
    date, scope_region, service, terminator = claim.scope
    complaints = []
    if scope_region != region:
        complaints.append(f"Credential should be scoped to a valid region, not '{scope_region}'. ")
    if service != SERVICE:
        complaints.append(f"Credential should be scoped to correct service: '{SERVICE}'. ")
    if terminator != TERMINATOR:
        complaints.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'. ")
    if date != claim.timestamp[:8]:
        complaints.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'."
        )
    if complaints:
        raise InvalidSignatureException("".join(complaints))


def check_date(claim: Claim, now: float) -> None:
    """Raise InvalidSignatureException where the request is older or newer than clocks can differ, or has expired."""
    signed_at = seconds_of(claim.timestamp)
    if signed_at > now + SKEW_SECONDS_MAX:
        raise InvalidSignatureException(
            f"Signature not yet current: {claim.timestamp} is still later than {timestamp_of(now + SKEW_SECONDS_MAX)} "
            f"({timestamp_of(now)} + 15 min.)"
        )
    if claim.expires_seconds is not None:
        expiry = signed_at + claim.expires_seconds
        if expiry < now:
            raise InvalidSignatureException(
                f"Signature expired: {timestamp_of(expiry)} is now earlier than {timestamp_of(now)}"
            )
    elif signed_at < now - SKEW_SECONDS_MAX:
        raise InvalidSignatureException(
            f"Signature expired: {claim.timestamp} is now earlier than {timestamp_of(now - SKEW_SECONDS_MAX)} "
            f"({timestamp_of(now)} - 15 min.)"
        )


def check_signed_headers(claim: Claim, headers: Headers) -> None:
    """Raise InvalidSignatureException where a header that must be signed is not."""
    signed = claim.signed_headers.split(";")
    if "host" not in signed:
        raise InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in SIGNED_IF_PRESENT:
        if name in headers and name.decode() not in signed:
            raise InvalidSignatureException(f"'{name.decode()}' must be a 'SignedHeader' in the AWS Authorization.")


def signature(request: Request, claim: Claim, secret: str) -> str:
    """The signature that the owner of the secret makes for this request."""
    headers = request.headers
    canonical_headers = "".join(
        [
            f"{name}:{canonical_header_value(headers.get(name.encode('latin-1'), b''))}\n"
            for name in claim.signed_headers.split(";")
        ]
    )
    canonical_request = (
        f"{request.method}\n{quote(request.path, safe='/~')}\n{claim.query}\n{canonical_headers}\n"
        f"{claim.signed_headers}\n{sha256(request.body).hexdigest()}"
    )
    text = (
        f"{ALGORITHM}\n{claim.timestamp}\n{'/'.join(claim.scope)}\n"
        f"{sha256(canonical_request.encode('latin-1')).hexdigest()}"
    )
    return hmac_digest(signing_key(secret, *claim.scope), text.encode("latin-1"), "sha256").hex()


@lru_cache(SIGNING_KEYS_MAX)
def signing_key(secret: str, date: str, region: str, service: str, terminator: str) -> bytes:
    """The key of one day, region and service. Depends on nothing but its arguments, so the cache is always right."""
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, terminator):
        key = hmac_digest(key, part.encode("latin-1"), "sha256")
    return key


def canonical_header_value(value: bytes) -> str:
    """Runs of spaces become one."""
    text = value.decode("latin-1")
    return " ".join(text.split()) if "  " in text else text


def canonical_query(query: str) -> str:
    """The query string as it is signed: decoded, encoded again by RFC 3986, sorted."""
    return canonical(query_pairs(query))


def query_pairs(query: str) -> list[tuple[bytes, bytes]]:
    """Names and values, decoded, in the order given."""
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return pairs


def canonical(pairs: list[tuple[bytes, bytes]]) -> str:
    """Encoded and sorted."""
    return "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs))


_TIMESTAMP: Final = re.compile("([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")


def checked_timestamp(timestamp: str) -> str:
    """The timestamp, or IncompleteSignatureException where it has another form."""
    if not _TIMESTAMP.fullmatch(timestamp):
        raise IncompleteSignatureException(
            f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
    return timestamp


@lru_cache(1024)
def seconds_of(timestamp: str) -> int:
    """Seconds since the epoch of a checked timestamp. Fields out of range count on, as in timegm."""
    matched = _TIMESTAMP.fullmatch(timestamp)
    year, month, day, hour, minute, second = map(int, matched.groups())  # type: ignore[union-attr]
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31):
        raise IncompleteSignatureException(
            f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
    return timegm((year, month, day, hour, minute, second))


def timestamp_of(seconds: float) -> str:
    """As X-Amz-Date has it."""
    return strftime("%Y%m%dT%H%M%SZ", gmtime(seconds))


def basic_date(date: bytes) -> bytes:
    """The Date header of HTTP as X-Amz-Date has it; what is not in HTTP's form stays as it is."""
    from email.utils import parsedate_to_datetime  # Rare, and slow to import.

    try:
        moment = parsedate_to_datetime(date.decode("latin-1"))
        return timestamp_of(moment.timestamp()).encode()
    except (ValueError, OverflowError):
        return date
