"""An archive of Cassandra's classes as the JVM has them after a start. With it a node boots in half the time."""

import os
import re
import tempfile
import time
from pathlib import Path
from typing import Final

from tools.cassandra.addresses import free_address
from tools.cassandra.distribution import VERSION, Distribution
from tools.cassandra.node import Node
from tools.cassandra.settings import ARCHIVE_FLAGS, Settings

BOOT_SECONDS_MAX: Final = 300
DUMP_SECONDS_MAX: Final = 120


def class_archive(distribution: Distribution, java: str, java_version: str) -> Path | None:
    """The archive of this Java's version. Where there is none it is made by a boot that is thrown away, which takes
    half a minute; None where the JVM leaves none, since everything works without. Raises ClusterError where a node does
    not boot."""
    name = f"cassandra-{VERSION}-java-{re.sub(r'[^0-9A-Za-z.]', '_', java_version)}.jsa"
    archive = distribution.cache / name
    if not archive.exists():
        with distribution.locked():
            if not archive.exists():
                make(distribution, java, archive)
    return archive if archive.exists() else None


def make(distribution: Distribution, java: str, archive: Path) -> None:
    """Boot a node, end it, and give the archive its name when it is whole."""
    with tempfile.TemporaryDirectory(prefix="cassandra-", dir=distribution.cache) as directory:
        partial = Path(directory) / "partial.jsa"
        node = Node(Path(directory), Settings(address=free_address(), light=True), 1)
        try:
            node.launch(java, distribution, None, (*ARCHIVE_FLAGS, f"-XX:ArchiveClassesAtExit={partial}"))
            node.wait_served(time.monotonic() + BOOT_SECONDS_MAX)
            node.terminate()
            node.wait_ended(DUMP_SECONDS_MAX)
        finally:
            node.kill()
        if partial.is_file():
            os.replace(partial, archive)
