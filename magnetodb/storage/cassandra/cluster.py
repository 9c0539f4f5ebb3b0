"""A cluster is reached, or an operator is told in a sentence why not.

The functions here wait, and belong in a thread other than the event loop's, which has to run meanwhile: all answers
come through it.
"""

import logging
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import Any, Final, NamedTuple

import cassandra
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    FallthroughRetryPolicy,
    RetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import SimpleStatement, tuple_factory

from magnetodb.errors import ClusterError, StorageUnavailable
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.loop_connection import LoopConnection
from magnetodb.storage.cassandra.node_settings import NAMES, Findings, findings
from magnetodb.storage.cassandra.session import Consistency

PROTOCOL_VERSION: Final = 4
"""Version 5 adds checksums, which the driver computes in Python: a tenth of the time of a read. Version 4 also tells
the unknown outcome of a lightweight transaction as a WriteTimeout, which the driver has a name for."""

CONNECT_SECONDS: Final = 5.0
HEARTBEAT_SECONDS: Final = 4.0
HEARTBEAT_TIMEOUT_SECONDS: Final = 3.0
"""A node that holds its connections and answers nothing is found out after the sum of both."""

RECONNECT_SECONDS_MIN: Final = 0.5
RECONNECT_SECONDS_MAX: Final = 10.0

READ_RETRIES_MAX: Final = 2

DEFINITION_SECONDS: Final = 15.0
SCHEMA_AGREEMENT_SECONDS: Final = 15.0
DEFINITION_SECONDS_MAX: Final = DEFINITION_SECONDS + SCHEMA_AGREEMENT_SECONDS + 2 * CONNECT_SECONDS
"""A change of the schema takes so long at most: until its node answers, until all nodes agree, and until the driver has
read it. A node that hangs is found out, and not waited for, before that."""

COPIES_WANTED: Final = 3

WRITES: Final = "writes"
CONDITIONAL: Final = "conditional"
SETUP: Final = "setup"
"""Names of profiles; those of reads are the names of their consistency."""

_log = logging.getLogger(__name__)


class ReadRetryPolicy(RetryPolicy):  # type: ignore[misc]
    """The driver's own for reads, with a bound: a node that fails is not asked again, the next one is."""

    def on_request_error(self, query: object, consistency: object, error: object, retry_num: int) -> tuple[int, None]:
        """See cassandra.policies.RetryPolicy."""
        return (self.RETRY_NEXT_HOST if retry_num < READ_RETRIES_MAX else self.RETHROW), None


class Reached(NamedTuple):
    """A cluster that can be used, and what its nodes take of a batch in bytes (None: they do not say)."""

    cluster: Cluster
    session: Session
    batch_bytes_max: int | None


def reach(options: ClusterOptions, connections: type[LoopConnection]) -> Reached:
    """Connect and look whether everything is as it has to be; make the keyspace if the options say so.

    Raises ClusterError if an operator has to do something, StorageUnavailable if it may help to try again.
    """
    cluster = _cluster(options, connections)
    try:
        session = _connected(cluster, options)
        session.default_fetch_size = None  # Pages end by LIMIT.
        session.use_client_timestamp = False
        batch_bytes_max = _checked_nodes(session, cluster)
        _have_keyspace(session, cluster, options)
        session.set_keyspace(options.keyspace)
    except cassandra.DriverException as error:
        cluster.shutdown()
        raise StorageUnavailable(f"Cassandra does not answer: {error}") from error
    except BaseException:
        cluster.shutdown()
        raise
    return Reached(cluster, session, batch_bytes_max)


def _cluster(options: ClusterOptions, connections: type[LoopConnection]) -> Cluster:
    try:
        return Cluster(
            contact_points=list(options.contact_points),
            port=options.port,
            protocol_version=PROTOCOL_VERSION,
            compression=False,
            connection_class=connections,
            auth_provider=PlainTextAuthProvider(options.username, options.password) if options.username else None,
            ssl_context=_tls(options),
            execution_profiles=_profiles(options),
            reconnection_policy=ExponentialReconnectionPolicy(
                RECONNECT_SECONDS_MIN, RECONNECT_SECONDS_MAX, max_attempts=None
            ),
            connect_timeout=CONNECT_SECONDS,
            control_connection_timeout=CONNECT_SECONDS,
            idle_heartbeat_interval=HEARTBEAT_SECONDS,
            idle_heartbeat_timeout=HEARTBEAT_TIMEOUT_SECONDS,
            max_schema_agreement_wait=SCHEMA_AGREEMENT_SECONDS,
            # A node that does not know a statement says so and is told; waiting for all nodes would wait for dead ones.
            prepare_on_all_hosts=False,
            reprepare_on_up=False,
            # Of the schema only our keyspace's copies are needed. Reading all of it takes a start as long as there are
            # tables, and each change of any table would have every server read it.
            schema_metadata_enabled=False,
            schema_event_refresh_window=-1,
            monitor_reporting_enabled=False,
            application_name="MagnetoDB",
        )
    except cassandra.UnresolvableContactPoints as error:
        raise StorageUnavailable(
            f"No address is known of any of the contact points {_listed(options.contact_points)}."
            " Set cassandra_contact_points to addresses of nodes of the cluster."
        ) from error


def _profiles(options: ClusterOptions) -> dict[object, ExecutionProfile]:
    balancing = TokenAwarePolicy(DCAwareRoundRobinPolicy(options.local_dc))
    serial = ConsistencyLevel.LOCAL_SERIAL

    def profile(consistency: int, rows: object, retries: RetryPolicy, seconds: float) -> object:
        return ExecutionProfile(balancing, retries, consistency, serial, seconds, rows)

    once, again, seconds = FallthroughRetryPolicy(), ReadRetryPolicy(), options.request_timeout
    quorum, one = ConsistencyLevel.LOCAL_QUORUM, ConsistencyLevel.LOCAL_ONE
    return {
        Consistency.LOCAL_ONE.value: profile(one, named_rows, again, seconds),
        Consistency.LOCAL_QUORUM.value: profile(quorum, named_rows, again, seconds),
        Consistency.LOCAL_SERIAL.value: profile(serial, named_rows, again, seconds),
        WRITES: profile(quorum, named_rows, once, seconds),
        CONDITIONAL: profile(quorum, named_rows, once, seconds),
        SETUP: profile(one, tuple_factory, once, DEFINITION_SECONDS),
        EXEC_PROFILE_DEFAULT: profile(quorum, tuple_factory, once, seconds),
    }


def named_rows(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Any:
    """For the driver: the names of the columns and the rows."""
    return names, rows


def _tls(options: ClusterOptions) -> ssl.SSLContext | None:
    if not options.tls_ca:
        return None
    try:
        context = ssl.create_default_context(cafile=options.tls_ca)
        context.check_hostname = options.tls_verify_names
        if options.tls_cert:
            context.load_cert_chain(options.tls_cert)
    except OSError as error:  # Of which ssl.SSLError is one.
        raise ClusterError(
            f"The certificates in cassandra_tls_ca or cassandra_tls_cert cannot be read: {error}."
        ) from error
    return context


@contextmanager
def _quiet() -> Iterator[None]:
    """The driver logs what it raises, with its trace; the one who is told by us has a sentence."""
    ours = get_ident()

    def others(record: logging.LogRecord) -> bool:
        return record.thread != ours

    logger = logging.getLogger("cassandra.cluster")
    logger.addFilter(others)
    try:
        yield
    finally:
        logger.removeFilter(others)


def _connected(cluster: Cluster, options: ClusterOptions) -> Session:
    try:
        with _quiet():
            session = cluster.connect()
        # The driver says whether nodes agree on a change of ours only if it reads the change.
        cluster.schema_metadata_enabled = True
        return session
    except NoHostAvailable as error:
        centres = sorted({host.datacenter for host in cluster.metadata.all_hosts() if host.datacenter})
        if options.local_dc and centres and options.local_dc not in centres:
            raise ClusterError(
                f"The cluster has no data centre {options.local_dc}, but {_listed(centres)}. Set cassandra_local_dc."
            ) from error
        causes = error.errors if isinstance(error.errors, Mapping) else {}
        raise unreachable(causes, options) from error
    except cassandra.AuthenticationFailed as error:
        raise unreachable({"the cluster": error}, options) from error


def unreachable(causes: Mapping[Any, BaseException], options: ClusterOptions) -> ClusterError | StorageUnavailable:
    """Why no node could be connected to, by what was found at each of the contact points."""
    for node, cause in causes.items():
        words = str(cause)
        if isinstance(cause, cassandra.AuthenticationFailed):
            if not options.username:
                return ClusterError(f"The node {node} asks for a user. Set cassandra_username and cassandra_password.")
            return ClusterError(
                f"The node {node} does not let in the user {options.username}: {words}."
                " Check cassandra_username and cassandra_password."
            )
        if "SSL" in words or "certificate" in words.lower():
            return ClusterError(f"No encrypted connection to the node {node}: {words}. Check cassandra_tls_ca.")
        if "unsupported protocol version" in words.lower() or isinstance(cause, cassandra.DriverException):
            continue
    found = "; ".join(f"{node}: {cause}" for node, cause in causes.items())
    return StorageUnavailable(
        f"No Cassandra node answers at {_listed(options.contact_points)}, port {options.port} ({found})."
        " Is the cluster running, and are cassandra_contact_points, cassandra_port and cassandra_tls_ca right?"
    )


def _checked_nodes(session: Session, cluster: Cluster) -> int | None:
    """Look at every node that is connected; the smallest batch that one takes. Raises ClusterError."""
    smallest: int | None = None
    for host in session.get_pool_state():
        found = _node_findings(session, host)
        if found.refusal is not None:
            raise ClusterError(found.refusal)
        for warning in found.warnings:
            _log.warning(warning)
        if found.batch_bytes_max is not None:
            smallest = min(found.batch_bytes_max, smallest or found.batch_bytes_max)
    return smallest


def _node_findings(session: Session, host: Any) -> Findings:
    asked = SimpleStatement(cql.SELECT_SETTINGS % ", ".join(f"'{name}'" for name in NAMES))
    try:
        rows = session.execute(asked, host=host, execution_profile=SETUP).all()
    except (cassandra.InvalidRequest, cassandra.Unauthorized):
        rows = []  # Too old, or this user may not read it.
    return findings(host.address, host.release_version or "", dict(rows))


def _have_keyspace(session: Session, cluster: Cluster, options: ClusterOptions) -> None:
    """Raises ClusterError if there is no keyspace and none may be made, or it has no copies here."""
    cluster.refresh_keyspace_metadata(options.keyspace, max_schema_agreement_wait=0)
    keyspace = cluster.metadata.keyspaces.get(options.keyspace)
    local_dc = next(host.datacenter for host in session.get_pool_state())
    if keyspace is None:
        if not options.create_schema:
            raise ClusterError(
                f"The cluster has no keyspace {options.keyspace}. Make it: magnetodb-manage cassandra setup"
            )
        nodes = sum(host.datacenter == local_dc for host in cluster.metadata.all_hosts())
        copies = dict(options.replication) or {local_dc: min(COPIES_WANTED, nodes)}
        session.execute(cql.create_keyspace(options.keyspace, copies), execution_profile=SETUP)
        _log.info("Made the keyspace %s with copies in %s.", options.keyspace, copies)
        return
    refusal = copies_refusal(options.keyspace, keyspace.replication_strategy, local_dc)
    if refusal is not None:
        raise ClusterError(refusal)


def copies_refusal(keyspace: str, strategy: object, local_dc: str) -> str | None:
    """Why a keyspace with this strategy of replication can't be used from a data centre; None if it can."""
    copies = getattr(strategy, "dc_replication_factors", None)
    if copies is None:
        return None  # SimpleStrategy, which knows no data centres.
    if copies.get(local_dc):
        return None
    return (
        f"The keyspace {keyspace} has no copies in the data centre {local_dc}, which is asked here. Set"
        " cassandra_local_dc to one that has, or give it copies by ALTER KEYSPACE and a repair."
    )


def _listed(words: object) -> str:
    assert isinstance(words, list | tuple)
    return ", ".join(str(word) for word in words)
