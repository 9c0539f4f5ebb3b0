"""A session whose Cassandra is a `Database`: every call is served at once, by itself, and nothing fails."""

from collections.abc import Callable, Sequence
from typing import Final

from magnetodb.storage.cassandra.session import Call, Consistency, Kind, Result
from magnetodb.storage.cassandra.session_errors import CassandraError, TableGone
from tests.storage.cassandra_model.database import Database, NoSuchTable
from tests.storage.cassandra_model.statements import Select, UnknownCql, Write, parse
from tests.storage.cassandra_model.terms import Values, value_of
from tests.storage.cassandra_model.writes import Mutation, Statements

BALLOT_FIRST: Final = 10**15
"""Ballots start in 2001, so that versions of a test can be on either side of them. Where nothing mixes lightweight
transactions and plain writes on a cell, it does not matter."""


def statements_of(call: Call) -> Statements:
    """The statements of a call as the database takes them."""
    return tuple([(each.text, tuple(each.values)) for each in call.statements])


def is_read(call: Call) -> bool:
    """The call changes nothing."""
    return isinstance(parse(call.statements[0].text), Select)


def partition_read(text: str, values: Values) -> tuple[str, Values] | None:
    """The table and partition that a SELECT reads, whose key has one column; None: another kind of SELECT."""
    select = parse(text)
    assert isinstance(select, Select)
    if not select.where or select.where[0].operator != "=":
        return None
    return select.table, (value_of(select.where[0].terms[0], values),)


def check_call(call: Call) -> None:
    """Refuse what Cassandra would: a kind of call that does not fit its statements."""
    writes = [parse(each.text) for each in call.statements]
    for each in call.statements:
        if each.text.count("?") != len(each.values):
            raise UnknownCql(f"{each.text!r} takes {each.text.count('?')} values, not {len(each.values)}")
    conditional = any(isinstance(write, Write) and write.conditional for write in writes)
    if conditional != (call.kind is Kind.CONDITIONAL):
        raise UnknownCql(f"{call.kind} with {call.statements[0].text!r}")
    if call.kind is Kind.SINGLE and len(writes) != 1:
        raise UnknownCql("a single call has one statement")
    if len(writes) > 1 and not all(isinstance(write, Write) for write in writes):
        raise UnknownCql("a batch is of writes")
    if call.consistency is Consistency.LOCAL_SERIAL and not isinstance(writes[0], Select):
        raise UnknownCql("only reads are at LOCAL_SERIAL; a lightweight transaction is so anyway")


def serve_read(database: Database, call: Call, second: int) -> Result:
    """What a SELECT comes to. Raises TableGone."""
    ((text, values),) = statements_of(call)
    try:
        return Result(None, database.rows(text, values, second))
    except NoSuchTable as error:
        raise TableGone(str(error)) from error


def serve_conditional(database: Database, call: Call, second: int) -> tuple[Database, Result]:
    """What a lightweight transaction comes to. Raises TableGone."""
    try:
        database, outcome = database.compare_and_set(statements_of(call), BALLOT_FIRST, second)
    except NoSuchTable as error:
        raise TableGone(str(error)) from error
    return database, Result(outcome.applied, (), outcome.found)


def mutations_of(database: Database, call: Call, timestamp: int, second: int) -> tuple[Mutation, ...]:
    """What a plain write or batch comes to. Raises TableGone: then nothing of it is done."""
    try:
        return database.mutations(statements_of(call), timestamp, second)
    except NoSuchTable as error:
        raise TableGone(str(error)) from error


class FakeSession:
    """See Session and DefiningSession. Several sessions may share one `FakeCassandra`."""

    def __init__(self, cassandra: "FakeCassandra", clock: Callable[[], int]) -> None:
        self._cassandra = cassandra
        self._clock = clock

    async def execute(self, call: Call) -> Result:
        """See Session."""
        return self._cassandra.serve(call, self._clock())

    async def execute_together(self, calls: Sequence[Call]) -> list[Result | CassandraError]:
        """See Session."""
        results: list[Result | CassandraError] = []
        for call in calls:
            try:
                results.append(self._cassandra.serve(call, self._clock()))
            except CassandraError as error:
                results.append(error)
        return results

    def now(self) -> int:
        """See Session."""
        return self._clock()

    async def pause(self, seconds: float) -> None:
        """See Session: no time passes here."""

    async def define(self, text: str) -> None:
        """See DefiningSession."""
        self._cassandra.database = self._cassandra.database.defined(text)


class FakeCassandra:
    """A cluster in which nothing fails; `second` is its clock's, which TTLs count by."""

    def __init__(self, second: Callable[[], int]) -> None:
        self.database = Database()
        self._second = second

    def serve(self, call: Call, timestamp: int) -> Result:
        """Take a call in one step; `timestamp` is the client's."""
        check_call(call)
        if is_read(call):
            return serve_read(self.database, call, self._second())
        if call.kind is Kind.CONDITIONAL:
            self.database, result = serve_conditional(self.database, call, self._second())
            return result
        mutations = mutations_of(self.database, call, timestamp, self._second())
        self.database = self.database.with_mutations(mutations)
        return Result()
