"""Idempotency tokens: which transactions have happened, as rows that are written in the same commit as their effect.

    tokens           partition: project, token          value: expiry in seconds (8 bytes, big-endian), digest
    token_expiries   partition: one of 16 buckets       sort: expiry (8 bytes), partition of the token's row

A row of `token_expiries` is derived from the token's row, so that those that have expired are found in their order.
A token that has expired is as good as none, whether its row is still there or not. Written to disk: do not change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple
from zlib import crc32

from magnetodb.errors import IdempotentParameterMismatchException, StorageError, TransactionInProgressException
from magnetodb.model.key_encoding import join
from magnetodb.model.rows import ABSENT, CHECK, Change, Committed, DerivedRow, Row, RowKey, SortRange
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.due_rows import DueRows
from magnetodb.storage.service_errors import service_error

TOKENS: Final = "tokens"
TOKEN_EXPIRIES: Final = "token_expiries"

TOKEN_SECONDS: Final = 600
"""A token is remembered for so long."""

CLOCKS_APART_SECONDS: Final = 7_200
"""Where several machines have the storage a token is remembered for so much longer: their clocks may be an hour wrong
in both directions, and a transaction that is sent again must not happen twice."""

EXPIRY_BUCKETS: Final = 16

MISMATCH: Final = (
    "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token"
    " that was already used."
)
IN_PROGRESS: Final = "The transaction with the given request token is already in progress."

_EXPIRY_BYTES: Final = 8
_PRESENT: Final = b"\x01"


class Use(NamedTuple):
    """The use that one request makes of a token."""

    key: RowKey
    digest: bytes


class Tokens:
    """The tokens of all projects in one storage. `clocks_apart_seconds`: times that others have written may be so
    wrong."""

    def __init__(self, driver: StorageDriver, *, clocks_apart_seconds: float = 0) -> None:
        self._driver = driver
        self._clocks_apart = clocks_apart_seconds
        self._due = DueRows(driver)
        self._running: dict[RowKey, bytes] = {}

    @contextmanager
    def running(self, use: Use) -> Iterator[None]:
        """While the transaction runs. Raises TransactionInProgressException while another one with the token runs in
        this process, IdempotentParameterMismatchException if that is another request."""
        digest = self._running.get(use.key)
        if digest is not None:
            if digest != use.digest:
                raise IdempotentParameterMismatchException(MISMATCH)
            raise TransactionInProgressException(IN_PROGRESS)
        self._running[use.key] = use.digest
        try:
            yield
        finally:
            del self._running[use.key]

    async def record(self, use: Use, now: float) -> Change | None:
        """The change that records the use; None if the same use was recorded and has not expired. If that change is
        lost, the token was used meanwhile.

        Raises IdempotentParameterMismatchException if another request has used the token.
        """
        try:
            (row,) = await self._driver.get((use.key,))
        except StorageError as error:
            raise service_error(error) from error
        if row is not None and _expiry(row.value) > now - self._clocks_apart:
            if row.value[_EXPIRY_BYTES:] != use.digest:
                raise IdempotentParameterMismatchException(MISMATCH)
            return None
        expiry = int(now) + TOKEN_SECONDS
        derived = [DerivedRow(_expiry_key(use.key, expiry), _PRESENT)]
        if row is not None and _expiry(row.value) != expiry:
            derived.append(DerivedRow(_expiry_key(use.key, _expiry(row.value)), None))
        value = expiry.to_bytes(_EXPIRY_BYTES, "big") + use.digest
        return Change(use.key, ABSENT if row is None else row, value, tuple(derived))

    async def remove_expired(self, now: float, *, limit: int = 100) -> int:
        """Remove tokens that had expired by every clock at `now`, at most `limit` of each of 16 buckets in one commit;
        returns how many rows were dealt with. Raises StorageErrors."""
        dealt = 0
        for bucket in range(EXPIRY_BUCKETS):
            before = SortRange(b"", int(now - self._clocks_apart).to_bytes(_EXPIRY_BYTES, "big"))
            due = (await self._due.first(TOKEN_EXPIRIES, bytes([bucket]), before, limit=limit)).rows
            if not due:
                continue
            keys = [RowKey(TOKENS, row.key.sort[_EXPIRY_BYTES:], b"") for row in due]
            batches = [
                (_removal(each.key, key, row),)
                for each, key, row in zip(due, keys, await self._driver.get(keys), strict=True)
            ]
            # One that is lost was used again, which has removed its row of expiries; else the next call finds it.
            outcomes = await self._driver.commit(batches)
            dealt += sum([type(outcome) is Committed for outcome in outcomes])
        return dealt


def derived_of_token(key: RowKey, value: bytes) -> tuple[DerivedRow, ...]:
    """The derived rows of a token's row with that value."""
    return (DerivedRow(_expiry_key(key, _expiry(value)), _PRESENT),)


def use_of(project: str, token: str, digest: bytes) -> Use:
    """The use that a project's request with this digest makes of a token."""
    return Use(RowKey(TOKENS, join([project.encode(), token.encode()]), b""), digest)


def _removal(expiry_key: RowKey, key: RowKey, row: Row | None) -> Change:
    """Remove a row of expiries, and the token's row if that is the one that has expired."""
    gone = (DerivedRow(expiry_key, None),)
    if row is None:
        return Change(key, ABSENT, CHECK, gone)
    expired = row.value[:_EXPIRY_BYTES] == expiry_key.sort[:_EXPIRY_BYTES]
    return Change(key, row, None if expired else CHECK, gone)


def _expiry(value: bytes) -> int:
    return int.from_bytes(value[:_EXPIRY_BYTES], "big")


def _expiry_key(key: RowKey, expiry: int) -> RowKey:
    bucket = crc32(key.partition) % EXPIRY_BUCKETS
    return RowKey(TOKEN_EXPIRIES, bytes([bucket]), expiry.to_bytes(_EXPIRY_BYTES, "big") + key.partition)
