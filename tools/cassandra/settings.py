"""What a cluster is like, and what follows from it: each node's cassandra.yaml and the flags of its JVM. All of it is
pure; the numbers are chosen so that three nodes fit on two cores beside the tests that use them."""

import dataclasses
import ipaddress
import json
from pathlib import Path
from typing import Any, Final

from tools.cassandra.errors import ClusterError

HERE: Final = Path(__file__).resolve().parent

NODES: Final = (1, 3)
"""How many nodes a cluster may have: one for development, three for quorums."""

TOKENS: Final = 2**64
TOKEN_MIN: Final = -(2**63)

EXPORTED: Final = (
    "java.base/java.lang.ref",
    "java.base/jdk.internal.misc",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
)
OPENED: Final = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
)
"""Packages of the JDK that Cassandra uses behind its back, as in its own jvm17-server.options."""

ARCHIVE_FLAGS: Final = ("-XX:+UnlockDiagnosticVMOptions", "-XX:+AllowArchivingWithJavaAgent")
"""For the making and the use of a class data archive, since Cassandra needs an agent (jamm)."""

LIGHT_FLAG: Final = "-XX:TieredStopAtLevel=1"
FORGETFUL_FLAG: Final = "-Dcassandra.unsafesystem=true"


@dataclasses.dataclass(frozen=True)
class Settings:
    """A cluster as it was asked for. It is kept beside its data, as JSON."""

    nodes: int = 1
    address: str = "127.0.0.1"
    """Of the first node; the others have the next ones."""

    port: int = 9042
    """For clients, on every node."""

    storage_port: int = 7000
    """On which nodes speak with each other."""

    name: str = "magnetodb"
    """Nodes speak only with nodes of a cluster of the same name."""

    heap: str = "384m"
    light: bool = False
    """Compile less: a boot takes half the processor time, and much traffic more of it. For tests that boot often."""

    quick: bool = False
    """Light, and schema changes take a third of the time, but a kill makes the node forget them. For tests that do not
    kill nodes."""

    configuration: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Lines of cassandra.yaml that are to be otherwise; None removes one."""

    jvm_flags: tuple[str, ...] = ()
    """More of them; of two that contradict the JVM takes the later one, which is this."""

    def __post_init__(self) -> None:
        if self.nodes not in NODES:
            raise ClusterError(f"A cluster has 1 or 3 nodes, not {self.nodes}.")
        if not all(address.is_loopback for address in map(ipaddress.ip_address, self.addresses)):
            raise ClusterError(f"{self.address} is not a loopback address with room for {self.nodes} nodes.")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of the nodes, in their order."""
        try:
            first = ipaddress.IPv4Address(self.address)
        except ipaddress.AddressValueError as error:
            raise ClusterError(f"{self.address} is not an IPv4 address: {error}.") from None
        return tuple(str(first + index) for index in range(self.nodes))

    def address_of(self, node: int) -> str:
        """Nodes are counted from 1. Raises ClusterError where there is no such node."""
        if not 1 <= node <= self.nodes:
            raise ClusterError(f"There is no node {node}: this cluster's nodes are 1 to {self.nodes}.")
        return self.addresses[node - 1]

    def to_json(self) -> str:
        """The text of cluster.json."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """The inverse of to_json."""
        values = json.loads(text)
        return cls(**{**values, "jvm_flags": tuple(values["jvm_flags"])})


def cassandra_yaml(settings: Settings, node: int) -> str:
    """The text of a node's cassandra.yaml. JSON is YAML, so no library is needed."""
    address = settings.address_of(node)
    seeds = ",".join(f"{each}:{settings.storage_port}" for each in settings.addresses)
    lines: dict[str, Any] = {
        "cluster_name": settings.name,
        "num_tokens": 1,
        "initial_token": str(TOKEN_MIN + (node - 1) * TOKENS // settings.nodes),
        "auto_bootstrap": False,
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "endpoint_snitch": "SimpleSnitch",
        # Every node is a seed, so that each one can be restarted while any other is dead.
        "seed_provider": [
            {"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": [{"seeds": seeds}]}
        ],
        "listen_address": address,
        "rpc_address": address,
        "native_transport_port": settings.port,
        "storage_port": settings.storage_port,
        # What MagnetoDB demands of a cluster. `periodic` loses acknowledged writes at kill -9.
        "commitlog_sync": "batch",
        "paxos_variant": "v2",
        "batch_size_warn_threshold": "1MiB",
        "batch_size_fail_threshold": "16MiB",
        # The formats of 5.0, as a new cluster should have.
        "storage_compatibility_mode": "NONE",
        "uuid_sstable_identifiers_enabled": True,
        "sstable": {"selected_format": "bti"},
        # Small.
        "commitlog_disk_access_mode": "mmap",
        "commitlog_total_space": "512MiB",
        "memtable_heap_space": "64MiB",
        "memtable_offheap_space": "64MiB",
        "memtable_allocation_type": "offheap_objects",
        "file_cache_size": "32MiB",
        "networking_cache_size": "32MiB",
        "key_cache_size": "8MiB",
        "prepared_statements_cache_size": "32MiB",
        "concurrent_reads": 16,
        "concurrent_writes": 16,
        "concurrent_compactors": 1,
        "auto_snapshot": False,
    }
    lines |= settings.configuration
    return json.dumps({key: value for key, value in lines.items() if value is not None}, indent=2) + "\n"


def jvm_flags(settings: Settings, directory: Path, *, agent: Path, archive: Path | None) -> list[str]:
    """How to run the JVM of the node whose files are in `directory`, with the class data archive where there is one."""
    flags = [
        f"-Xmx{settings.heap}",
        "-XX:MaxDirectMemorySize=512m",
        "-XX:+UseSerialGC",
        "-XX:ActiveProcessorCount=2",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:+PerfDisableSharedMem",
        f"-XX:ErrorFile={directory}/hs_err.log",
        "-Xss512k",
        "-Djava.net.preferIPv4Stack=true",
        "-Djdk.attach.allowAttachSelf=true",
        "-Dio.netty.tryReflectionSetAccessible=true",
        f"-javaagent:{agent}",
    ]
    flags += [f"--add-exports={package}=ALL-UNNAMED" for package in EXPORTED]
    flags += [f"--add-opens={package}=ALL-UNNAMED" for package in OPENED]
    flags += [
        f"-Dlogback.configurationFile={(HERE / 'logback.xml').as_uri()}",
        f"-Dcassandra.config={(directory / 'cassandra.yaml').as_uri()}",
        f"-Dcassandra.storagedir={directory}",
        f"-Djava.io.tmpdir={directory}/tmp",
        "-Dcassandra-foreground=yes",
        # Waiting for strangers, which a cluster on one machine does not have. The quarantine is derived from the ring
        # delay; with 0 nodes forget each other again and again while they boot.
        "-Dcassandra.ring_delay_ms=0",
        "-Dcassandra.gossip_quarantine_delay_ms=20000",
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.superuser_setup_delay_ms=1000",
        "-Dcassandra.shutdown_announce_in_ms=0",
        "-Dcassandra.consistent.rangemovement=false",
    ]
    if archive is not None:
        flags += [*ARCHIVE_FLAGS, f"-XX:SharedArchiveFile={archive}"]
    if settings.light or settings.quick:
        flags.append(LIGHT_FLAG)
    if settings.quick:
        flags.append(FORGETFUL_FLAG)
    return [*flags, *settings.jvm_flags]


def argument_file(arguments: list[str]) -> str:
    """The text of a file that `java @file` reads, an argument on each line."""
    return "".join('"' + each.replace("\\", "\\\\").replace('"', '\\"') + '"\n' for each in arguments)
