"""Seeded random calls of every statement of cql.py, on few keys, so that they meet."""

import random
import uuid
from typing import Any, Final

from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind

ITEMS: Final = "t_model"
INDEX: Final = "i_model"

PARTITIONS: Final = (b"p", b"q\x00\xff")
SORTS: Final = (b"", b"\x00", b"a", b"a\x00", b"\xff")
TOKS: Final = tuple([uuid.UUID(int=number * 2**120 + 0x4000_8000_0000_0000_0000, version=4) for number in (1, 9, 250)])
VERSIONS: Final = (None, -1, 0, 5, 2**40)
BLOBS: Final = (None, b"\x00", b"a", b"b", b"ab")
TIMESTAMPS: Final = (-5, 10, 11, 12, 2**60)
"""Below, between and far above the ballots of lightweight transactions, and often equal."""


class RandomCalls:
    """An endless sequence of calls that a seed decides."""

    def __init__(self, seed: int) -> None:
        self._choose = random.Random(seed)
        self._time_to_live = 0

    def next(self) -> Call:
        """A read or a write."""
        choice = self._choose.random()
        if choice < 0.35:
            return self._read()
        if choice < 0.65:
            return self._plain()
        return self._conditional()

    def _pick(self, options: tuple[Any, ...]) -> Any:
        return self._choose.choice(options)

    def _row(self, x: int | None = None) -> tuple[bytes, int, bytes]:
        return self._pick(PARTITIONS), self._pick((0, 0, 1)) if x is None else x, self._pick(SORTS)

    def _ttl(self) -> int:
        """None twice, so that the second in which a cell was written decides nothing."""
        if self._choose.random() < 0.6:
            return 0
        self._time_to_live += 10
        return 10_000_000 + self._pick((1, -1)) * self._time_to_live

    def _read(self) -> Call:
        p, x, s = self._row()
        end = self._pick(SORTS)
        tokens = sorted((self._choose.randrange(-(2**63), 2**63), self._choose.randrange(-(2**63), 2**63)))
        limit = self._pick((1, 2, 100))
        table = self._pick((ITEMS, INDEX))
        text, values = self._pick(
            (
                (cql.get(table), (p, x, s)),
                (cql.get(table), (p, x, s)),
                (cql.get_value(table), (p, x, s)),
                (cql.query(table, bounded=False, reverse=False, locks=True), (p, x, s, limit)),
                (cql.query(table, bounded=True, reverse=False, locks=False), (p, x, s, end, limit)),
                (cql.query(table, bounded=True, reverse=True, locks=True), (p, x, s, end, limit)),
                (cql.scan(table, local=False), (*tokens, limit)),
                (cql.scan(table, local=False), (-(2**63), 2**63 - 1, 100)),
                (cql.scan(table, local=True), (-(2**63), 2**63 - 1, x, limit)),
                (cql.partitions(table), (-(2**63), 2**63 - 1, limit)),
                (cql.SELECT_INTENTS, (self._pick((1, 2)), limit)),
                (cql.SELECT_INTENTS_AFTER, (self._pick((1, 2)), self._pick((4, 5)), self._pick(TOKS), limit)),
                (cql.SELECT_INTENT_SLOTS, (self._pick((1, 2)), self._pick((0, 1, 2)))),
                (cql.SELECT_TRANSACTION, (self._pick(TOKS),)),
            )
        )
        consistency = self._pick((Consistency.LOCAL_QUORUM, Consistency.LOCAL_SERIAL))
        if "token(" in text:
            consistency = Consistency.LOCAL_QUORUM
        return Call((Bound(text, values),), Kind.SINGLE, consistency, idempotent=True)

    def _plain_statement(self) -> Bound:
        row = self._row()
        table = self._pick((ITEMS, INDEX))
        timestamp = self._pick(TIMESTAMPS)
        intent = (self._pick((1, 2)), self._pick((4, 5)), self._pick(TOKS))
        slot = (self._pick((1, 2)), self._pick((1, 2, 3)))
        return Bound(
            *self._pick(
                (
                    (cql.put_hidden(table), (timestamp, self._pick(BLOBS), *row)),
                    (cql.put_hidden(table), (timestamp, self._pick(BLOBS), *row)),
                    (cql.delete_hidden(table), (timestamp, *row)),
                    (cql.set_done(table), (timestamp, self._ttl(), self._pick(VERSIONS), *row)),
                    (cql.INSERT_INTENT, (*intent, ITEMS, *self._row(), timestamp)),
                    (cql.DELETE_INTENT, (timestamp, *intent)),
                    (cql.INSERT_INTENT_SLOT, (*slot, timestamp)),
                    (cql.DELETE_INTENT_SLOT, (timestamp, *slot)),
                )
            )
        )

    def _plain(self) -> Call:
        kind = self._pick((Kind.SINGLE, Kind.LOGGED, Kind.UNLOGGED))
        number = 1 if kind is Kind.SINGLE else self._choose.randint(1, 5)
        statements = tuple([self._plain_statement() for _ in range(number)])
        return Call(statements, kind, Consistency.LOCAL_QUORUM, idempotent=True)

    def _item_write(self, row: tuple[bytes, int, bytes]) -> Bound:
        v, pend, lnew = self._pick(BLOBS), self._pick(BLOBS), self._pick(BLOBS)
        ver, iver, tok, ltx = self._pick(VERSIONS), self._pick(VERSIONS), self._pick((None, *TOKS)), self._pick(TOKS)
        expected = (self._pick(VERSIONS), self._pick((None, *TOKS)))
        ttl = self._ttl()
        return Bound(
            *self._pick(
                (
                    (cql.put(ITEMS), (ttl, v, ver, tok, iver, pend, *row, *expected)),
                    (cql.put_blindly(ITEMS), (ttl, v, ver, tok, iver, pend, *row)),
                    (cql.fence(ITEMS), (ttl, ver, tok, iver, pend, *row, *expected)),
                    (cql.lock(ITEMS), (ttl, ver, tok, ltx, lnew, *row, *expected)),
                    (cql.put_unlocked(ITEMS), (ttl, v, ver, tok, iver, pend, *row, *expected)),
                    (cql.unlock(ITEMS), (ttl, ver, tok, iver, pend, *row, *expected)),
                    (cql.check(ITEMS), (*row, *expected)),
                )
            )
        )

    def _conditional(self) -> Call:
        if self._choose.random() < 0.25:
            return self._transaction_record()
        row = self._row(0)
        statements = [self._item_write(row)]
        if self._choose.random() < 0.5:
            # As the protocol does it: the rows of local tables in the batch of their item, each once.
            for sort in self._choose.sample(SORTS, self._choose.randint(0, 3)):
                local = (row[0], 1, sort)
                statements.append(
                    Bound(
                        *self._pick(
                            (
                                (cql.put_local(ITEMS), (self._pick(BLOBS), *local)),
                                (cql.delete_local(ITEMS), local),
                            )
                        )
                    )
                )
        elif self._choose.random() < 0.3:
            others = [sort for sort in SORTS if sort != row[2]]
            for sort in self._choose.sample(others, self._choose.randint(1, 2)):
                statements.append(self._item_write((row[0], 0, sort)))
        return Call(tuple(statements), Kind.CONDITIONAL, Consistency.LOCAL_QUORUM)

    def _transaction_record(self) -> Call:
        states = ("P", "C", "A", None)
        text, values = self._pick(
            (
                (cql.DECIDE_TRANSACTION, (self._pick(TOKS), self._pick(states), self._ttl())),
                (cql.INSERT_LOCAL_TABLE, (self._pick(("t", "u")), self._pick((1, 2)), self._pick(("a", "b")))),
                (cql.DELETE_LOCAL_TABLE, (self._pick(("t", "u")), self._pick((1, 2)), self._pick(("a", "b")))),
                (cql.LOCK_SCHEMA, (self._pick(TOKS), self._ttl())),
                (cql.UNLOCK_SCHEMA, (self._pick(TOKS),)),
            )
        )
        return Call((Bound(text, values),), Kind.CONDITIONAL, Consistency.LOCAL_QUORUM)
