"""What a call to Cassandra can come to, told apart by what is known of its effect.

    CassandraError
    ├── Refused               nothing was done, and the same call may be sent again
    │   ├── Busy              more is in flight than the bound allows
    │   ├── TooLarge          a batch or a message over the server's limits: it will never be accepted
    │   └── TableGone         a table of the call does not exist: the whole call was refused
    └── OutcomeUnknown        it may have been applied, may be applied later, or never
        ├── BatchInLog        a logged batch that is in the batchlog: it will be applied
        └── BatchLogUnreached a logged batch that the batchlog could not take: perhaps nothing was applied; a batchlog
                              that took it after all still applies it

None of them is seen above the driver.
"""


class CassandraError(Exception):
    """A call that brought no result."""


class Refused(CassandraError):
    """Nothing was done."""


class Busy(Refused):
    """More is in flight than the bound allows."""


class TooLarge(Refused):
    """Over a limit of the server."""


class TableGone(Refused):
    """A table of the call does not exist."""


class OutcomeUnknown(CassandraError):
    """It may have been applied, or may still be."""


class BatchInLog(OutcomeUnknown):
    """The batchlog has the batch: it will be applied."""


class BatchLogUnreached(OutcomeUnknown):
    """The batchlog did not take the batch in time."""
