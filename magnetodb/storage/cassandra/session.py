"""The narrow seam below the write protocol: calls, and what they come to.

It is small enough that a test can put a Cassandra of its own making behind it and drive every step. Keys and values are
as Cassandra stores them.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

from magnetodb.storage.cassandra.session_errors import CassandraError


class Kind(Enum):
    """How the statements of a call belong together."""

    SINGLE = "single"
    """One statement that is no lightweight transaction."""

    LOGGED = "logged"
    """A batch that is applied as a whole, sooner or later; others may see parts of it meanwhile."""

    UNLOGGED = "unlogged"
    """A batch of one partition."""

    CONDITIONAL = "conditional"
    """A lightweight transaction: one statement, or a batch of one table and partition."""


class Consistency(Enum):
    """The consistency of a read or write; that of a lightweight transaction's decision is always LOCAL_SERIAL."""

    LOCAL_ONE = "LOCAL_ONE"
    LOCAL_QUORUM = "LOCAL_QUORUM"
    LOCAL_SERIAL = "LOCAL_SERIAL"


class Bound(NamedTuple):
    """A statement of cql.py with a value for each of its `?`."""

    text: str
    values: tuple[Any, ...]


class Call(NamedTuple):
    """What is sent to Cassandra as one message.

    `idempotent`: sent twice, perhaps late, it does no more than once; a read may then be sent to a second node before
    the first has answered. `urgent`: a step of something begun, which is admitted where a new call would be Busy.
    """

    statements: tuple[Bound, ...]
    kind: Kind
    consistency: Consistency
    idempotent: bool = False
    urgent: bool = False


class Result(NamedTuple):
    """What a call came to.

    `rows`: those of a SELECT, whose values are in the order of its columns. `applied`: whether a conditional call was
    applied (None: not conditional); if it was not, `found` has the columns of the rows that its conditions were
    compared with, by name. A row that is missing is not among them, or lacks the columns.
    """

    applied: bool | None = None
    rows: Sequence[tuple[Any, ...]] = ()
    found: Sequence[dict[str, Any]] = ()


class Session(Protocol):
    """Cassandra as the protocol sees it."""

    async def execute(self, call: Call) -> Result:
        """The result of a call. Raises CassandraErrors."""

    async def execute_together(self, calls: Sequence[Call]) -> list[Result | CassandraError]:
        """The results of calls that are sent side by side, each by itself and in no order."""

    def now(self) -> int:
        """Microseconds since the epoch by this machine's clock, which may be wrong and may go back."""

    async def pause(self, seconds: float) -> None:
        """Let that time pass."""


class DefiningSession(Session, Protocol):
    """A session that may change the schema too."""

    async def define(self, text: str) -> None:
        """Change the schema, and wait until the nodes that are up agree on it. Raises CassandraErrors."""

    async def execute_at_each_node(self, select: Bound) -> list[Sequence[tuple[Any, ...]]]:
        """The rows that each node finds in a system table of its own. Raises CassandraErrors; Refused if not most nodes
        can be asked."""
