"""A real Cassandra for tests and development, from the jars of Maven Central: no Docker, no root.

On the command line `python -m tools.cassandra --help`; in a test
`with Cluster(directory, Settings(nodes=3)) as cluster`.
"""

from tools.cassandra.addresses import free_address
from tools.cassandra.cluster import Cluster, NodeStatus
from tools.cassandra.errors import ClusterError
from tools.cassandra.settings import Settings

__all__ = ["Cluster", "ClusterError", "NodeStatus", "Settings", "free_address"]
