"""Which cluster, and how to speak with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from magnetodb.storage.cassandra.crash_points import CrashPoint
from magnetodb.storage.cassandra.session import Consistency


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Times are in seconds. Empty texts: not given."""

    contact_points: tuple[str, ...] = ("127.0.0.1",)
    port: int = 9042
    keyspace: str = "magnetodb"
    replication: Mapping[str, int] = field(default_factory=dict)
    """Copies by data centre, of a keyspace that is to be made. Empty: three in the local one, or as many as it has
    nodes."""

    local_dc: str = ""
    """Empty: that of the contact point that answers first."""

    username: str = ""
    password: str = field(default="", repr=False)
    tls_ca: str = ""
    """File with the certificates by which nodes are known. Empty: connections are not encrypted."""

    tls_cert: str = ""
    """File with our own certificate and its key."""

    tls_verify_names: bool = True
    read_consistency: Consistency = Consistency.LOCAL_ONE
    """Of reads that need not be consistent."""

    create_schema: bool = False
    """Make the keyspace and the driver's own tables if they are not there."""

    request_timeout: float = 10.0
    in_flight_max: int = 1024
    """Calls under way at once; twice as many with those that are steps of something begun."""

    crash_point: CrashPoint | None = None
    """For tests: where a commit or a recovery ends the process."""
