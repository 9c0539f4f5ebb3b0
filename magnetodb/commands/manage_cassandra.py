"""magnetodb-manage cassandra: the keyspace and its tables."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from magnetodb.commands.arguments import command_line, parsed
from magnetodb.service import cluster_options
from magnetodb.storage.cluster_storage import opened
from magnetodb.storage.tables import Tables

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts


def cassandra_setup(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    _, configuration = parsed(command_line("cassandra setup"), arguments)
    asyncio.run(set_up(configuration))
    print(f"The keyspace {configuration.cassandra_keyspace} is ready; servers may be started.")
    return 0


async def set_up(configuration: "ConfigOpts") -> None:
    """Make what is missing; servers may be at work. Raises ClusterError, StorageErrors, StartError."""
    driver = await opened(replace(cluster_options(configuration), create_schema=True))
    try:
        await Tables(driver).make_system_tables()
    finally:
        await driver.close()
