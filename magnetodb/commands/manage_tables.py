"""magnetodb-manage tables: what tables there are, read from the storage whether servers have it or not."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import orjson

from magnetodb.commands.arguments import CommandError, command_line, parsed, with_project
from magnetodb.context import RequestContext
from magnetodb.errors import DataFileError, ResourceNotFoundException, RowTableNotFound
from magnetodb.operations.table_description import table_description
from magnetodb.policies import ADMIN
from magnetodb.service import cluster_options
from magnetodb.storage.cluster_storage import opened
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.sqlite_file import FILE_NAME
from magnetodb.storage.tables import TableInfo, Tables

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

PAGE_TABLES_MAX = 100

OPERATOR = "operator"


def tables_list(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    parser = with_project(command_line("tables list"))
    parser.add_argument("named_project", metavar="PROJECT", nargs="?")
    words, configuration = parsed(parser, arguments)
    asyncio.run(read(configuration, print_tables, words.named_project or words.project))
    return 0


async def print_tables(driver: StorageDriver, project: str) -> None:
    """A name on each line, in order; where there is none, a sentence on standard error. Closes the driver."""
    try:
        tables = Tables(driver)
        names = await table_names(tables, project)
        for name in names:
            print(name)
        if not names:
            print(await no_tables(tables, project), file=sys.stderr)
    finally:
        await driver.close()


async def table_names(tables: Tables, project: str) -> list[str]:
    """All tables of a project, in order."""
    names: list[str] = []
    try:
        while page := await tables.list(project, names[-1] if names else None, PAGE_TABLES_MAX):
            names += page
    except ResourceNotFoundException:  # The system tables were never made.
        return []
    return names


async def no_tables(tables: Tables, project: str) -> str:
    """A sentence that says so of a project, and which projects have some."""
    try:
        projects = sorted({table.project async for table in tables.all()})
    except RowTableNotFound:  # The system tables were never made.
        projects = []
    others = f"; these have some: {', '.join(projects)}" if projects else ", nor has any other"
    return f"Project {project} has no tables{others}."


def tables_show(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    parser = with_project(command_line("tables show"))
    parser.add_argument("table")
    words, configuration = parsed(parser, arguments)
    asyncio.run(read(configuration, print_table, context_of(configuration, words.project), words.table))
    return 0


async def print_table(driver: StorageDriver, context: RequestContext, name: str) -> None:
    """What DescribeTable answers, and the tags, as JSON. Closes the driver."""
    try:
        tables = Tables(driver)
        table = (await table_named(tables, context.project, name)).table
        described = table_description(context, table, time(), await tables.counts_of(table))
        shown = {"Table": described, "Tags": table.tags}
        print(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    finally:
        await driver.close()


async def table_named(tables: Tables, project: str, name: str) -> TableInfo:
    """The table. Raises CommandError where there is none."""
    try:
        return await tables.get(project, name)
    except ResourceNotFoundException:
        raise CommandError(f"Project {project} has no table {name}.") from None


async def read(configuration: "ConfigOpts", work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """What `work(driver, *arguments)` returns, which closes the driver. Raises what it raises, and as `reading_driver`
    does."""
    return await work(await reading_driver(configuration), *arguments)


async def reading_driver(configuration: "ConfigOpts") -> StorageDriver:
    """The storage, to be read while servers have it or none. Raises DataFileError, ClusterError, StorageUnavailable,
    StartError."""
    if configuration.storage == "cassandra":
        return await opened(cluster_options(configuration))
    return SqliteDriver(Path(configuration.data_dir), read_only=True)


def require_sqlite(configuration: "ConfigOpts", instead: str) -> None:
    """Raise CommandError where the data is not in a file, with what to do instead."""
    if configuration.storage != "sqlite":
        raise CommandError(f"This is for storage = sqlite. {instead}")


def require_data_file(configuration: "ConfigOpts") -> None:
    """Raise DataFileError where there is none: opening it to write would make an empty one."""
    if not (Path(configuration.data_dir) / FILE_NAME).is_file():
        raise DataFileError(f"There is no data file in {configuration.data_dir}.")


def context_of(configuration: "ConfigOpts", project: str) -> RequestContext:
    """Who asks, where an operator does."""
    return RequestContext(
        OPERATOR, project, OPERATOR, frozenset({ADMIN}), configuration.region, configuration.account_id
    )
