"""AWS Signature Version 4: what a request claims, and whether its signature proves it.

Pure: the caller gives the request, the keys and the time. Two forms are known, the Authorization header and the
presigned query string. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import re
from calendar import timegm
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from hmac import HMAC, compare_digest
from hmac import digest as hmac_digest
from hmac import new as new_hmac
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
CACHED_LENGTH_MAX: Final = 1024
"""Of an Authorization header whose parts are remembered."""

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


class Credential(NamedTuple):
    """What all requests of a client say alike for a day. `scope` is date/region/service/terminator."""

    key_id: str
    scope: tuple[str, str, str, str]
    signed_headers: bytes
    names: tuple[bytes, ...]


class Claim(NamedTuple):
    """What a request says about its signature. `query` is what is signed of the query string."""

    credential: Credential
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
    signed_at = seconds_of(claim.timestamp)
    key = access_key(claim.credential.key_id)
    if key is None or not compare_digest(key.session_token.encode(), claim.session_token.encode()):
        raise UnrecognizedClientException(UNKNOWN_TOKEN)
    check_scope(claim, region)
    check_date(claim, signed_at, now)
    check_signed_headers(claim.credential.names, request.headers)
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
    headers = request.headers
    timestamp = (headers.get(b"x-amz-date") or basic_date(headers.get(b"date", b""))).decode("latin-1")
    start, _, signature = authorization.rpartition(", Signature=")
    if start and signature and timestamp and len(start) <= CACHED_LENGTH_MAX:
        credential = parsed_start(start)
    else:
        credential, signature = parsed_authorization(authorization, timestamp)
    return Claim(
        credential,
        signature,
        timestamp,
        headers.get(b"x-amz-security-token", b"").decode("latin-1"),
        canonical_query(request.query) if request.query else "",
    )


@lru_cache(1024)
def parsed_start(start: str) -> Credential:
    """The credential of an Authorization header whose last part, the signature, is left out."""
    return parsed_authorization(f"{start}, Signature=-", "given")[0]


def parsed_authorization(authorization: str, timestamp: str) -> tuple[Credential, str]:
    """Credential and signature of the header. Raises an AuthenticationError for what is missing, `timestamp` too."""
    algorithm, _, rest = authorization.partition(" ")
    if not algorithm.startswith("AWS4-"):
        raise MissingAuthenticationTokenException(MISSING_TOKEN)
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    complaints = [
        f"Authorization header requires '{name}' parameter. "
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    ]
    if not timestamp:
        complaints.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    if complaints:
        raise IncompleteSignatureException("".join(complaints) + "Authorization=" + authorization)
    return parsed_credential(parts["Credential"], parts["SignedHeaders"]), parts["Signature"]


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
    return Claim(
        parsed_credential(given["X-Amz-Credential"], given["X-Amz-SignedHeaders"]),
        given["X-Amz-Signature"],
        given["X-Amz-Date"],
        given.get("X-Amz-Security-Token", ""),
        canonical([pair for pair in pairs if pair[0] != b"X-Amz-Signature"]),
        int(expires),
    )


def parsed_credential(credential: str, signed_headers: str) -> Credential:
    """Of KEY_ID/DATE/REGION/SERVICE/TERMINATOR and the names of the signed headers."""
    elements = credential.split("/")
    if len(elements) != 5:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'"
        )
    key_id, date, region, service, terminator = elements
    names = signed_headers.encode("latin-1")
    return Credential(key_id, (date, region, service, terminator), names, tuple(names.split(b";")))


def check_scope(claim: Claim, region: str) -> None:
    """Raise InvalidSignatureException where the signature was made for another service, region or day."""
    if claim.credential.scope == (claim.timestamp[:8], region, SERVICE, TERMINATOR):
        return
    date, scope_region, service, terminator = claim.credential.scope
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
    raise InvalidSignatureException("".join(complaints))


def check_date(claim: Claim, signed_at: int, now: float) -> None:
    """Raise InvalidSignatureException where the request is older or newer than clocks can differ, or has expired."""
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


def check_signed_headers(names: tuple[bytes, ...], headers: Headers) -> None:
    """Raise InvalidSignatureException where a header that must be signed is not."""
    if b"host" not in names:
        raise InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in SIGNED_IF_PRESENT:
        if name in headers and name not in names:
            raise InvalidSignatureException(f"'{name.decode()}' must be a 'SignedHeader' in the AWS Authorization.")


def signature(request: Request, claim: Claim, secret: str) -> str:
    """The signature that the owner of the secret makes for this request."""
    credential = claim.credential
    headers = request.headers
    canonical_request = b"%b\n%b\n%b\n%b\n\n%b\n%b" % (
        request.method.encode("latin-1"),
        quote(request.path, safe="/~").encode() if request.path != "/" else b"/",
        claim.query.encode(),
        b"\n".join([name + b":" + canonical_value(headers.get(name, b"")) for name in credential.names]),
        credential.signed_headers,
        sha256(request.body).hexdigest().encode(),
    )
    scope = credential.scope
    text = f"{ALGORITHM}\n{claim.timestamp}\n{'/'.join(scope)}\n{sha256(canonical_request).hexdigest()}"
    keyed = signing_hash(secret, scope).copy()
    keyed.update(text.encode("latin-1"))
    return keyed.hexdigest()


@lru_cache(SIGNING_KEYS_MAX)
def signing_hash(secret: str, scope: tuple[str, str, str, str]) -> HMAC:
    """The keyed hash of one day, region and service, to be copied: a copy costs less than a new one.

    Depends on nothing but its arguments, so the cache is always right.
    """
    key = ("AWS4" + secret).encode()
    for part in scope:
        key = hmac_digest(key, part.encode("latin-1"), "sha256")
    return new_hmac(key, digestmod="sha256")


def canonical_value(value: bytes) -> bytes:
    """Of a header: runs of spaces become one."""
    return b" ".join(value.split()) if b"  " in value else value


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


@lru_cache(1024)
def seconds_of(timestamp: str) -> int:
    """Seconds since the epoch. Raises IncompleteSignatureException where the timestamp has another form."""
    matched = _TIMESTAMP.fullmatch(timestamp)
    if matched:
        year, month, day, hour, minute, second = map(int, matched.groups())
        if 1970 <= year and 1 <= month <= 12 and 1 <= day <= 31:
            return timegm((year, month, day, hour, minute, second))
    raise IncompleteSignatureException(
        f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


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
