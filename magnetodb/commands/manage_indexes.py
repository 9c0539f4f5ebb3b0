"""magnetodb-manage index: every row of an index compared with its item, both ways, and put right."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import orjson

from magnetodb.commands.arguments import CommandError, command_line, counted, parsed, with_project
from magnetodb.commands.manage_tables import no_tables, read, require_data_file, table_named, table_names
from magnetodb.service import open_service
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.index_check import TIME_TO_LIVE, Difference, check_index, repair
from magnetodb.storage.job_positions import order_once
from magnetodb.storage.tables import COUNT_ITEMS, TableInfo, Tables

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

DIFFERENCES_SHOWN_MAX = 20
"""Of an index; the others are counted."""


class Result(NamedTuple):
    """What a check of one index, or a repair, found."""

    differences: int
    repaired: int


def index_check(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    parser = with_project(command_line("index check"))
    parser.add_argument("table", nargs="?", help="default: all tables of the project")
    parser.add_argument("index", nargs="?", help="default: all indexes")
    words, configuration = parsed(parser, arguments)
    result: Result = asyncio.run(read(configuration, check, words.project, words.table, words.index))
    return 1 if result.differences else 0


def index_repair(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    parser = with_project(command_line("index repair"))
    parser.add_argument("table", nargs="?", help="default: all tables of the project")
    parser.add_argument("index", nargs="?", help="default: all indexes")
    words, configuration = parsed(parser, arguments)
    if configuration.storage == "sqlite":
        require_data_file(configuration)
    configuration.set_override("run_jobs", False)
    result = asyncio.run(repaired(configuration, words.project, words.table, words.index))
    return 0 if result.repaired == result.differences else 1


async def repaired(configuration: "ConfigOpts", project: str, table: str | None, index: str | None) -> Result:
    """Compare, print and put right, as one of the processes that have the storage. Raises as `check` does, and
    StartError."""
    service = await open_service(configuration)
    try:
        return await check_all(service.driver, service.cell.tables, project, table, index, repairs=True)
    finally:
        await service.close()


async def check(driver: StorageDriver, project: str, table: str | None, index: str | None) -> Result:
    """Compare and print. Closes the driver. Raises CommandError, StorageErrors."""
    try:
        return await check_all(driver, Tables(driver), project, table, index, repairs=False)
    finally:
        await driver.close()


async def check_all(
    driver: StorageDriver, tables: Tables, project: str, table: str | None, index: str | None, *, repairs: bool
) -> Result:
    """Compare, print, and put right if asked. Raises CommandError, StorageErrors."""
    differences = repaired = 0
    names = [table] if table is not None else await table_names(tables, project)
    if not names:
        raise CommandError(await no_tables(tables, project))
    for name in names:
        info = await table_named(tables, project, name)
        for index_name in indexes_of(info, index):
            found = await check_one(driver, info, index_name, repairs=repairs)
            differences += found.differences
            repaired += found.repaired
        if repaired:
            position = {"project": project, "name": name}
            await order_once(driver, COUNT_ITEMS, info.table.id, position)
    print(f"{counted(differences, 'difference')}{f', {repaired:,} repaired' if repairs else ''}")
    return Result(differences, repaired)


def indexes_of(info: TableInfo, name: str | None) -> list[str]:
    """The names of the indexes to look at, of the hidden one by which items expire too. Raises CommandError for one
    that the table does not have."""
    names = [*info.keys.indexes, *([TIME_TO_LIVE] if info.keys.expiry is not None else [])]
    if name is None:
        return names
    if name not in names:
        raise CommandError(f"Table {info.table.name} has no index {name}.")
    return [name]


async def check_one(driver: StorageDriver, info: TableInfo, name: str, *, repairs: bool) -> Result:
    """One index, and a line for it."""
    status = status_of(info, name)
    if status not in ("ACTIVE", "ENABLED"):
        print(f"{info.table.name} {name}: skipped, it is {status}")
        return Result(0, 0)
    rows = {"items": 0, "index rows": 0}
    differences: list[Difference] = []
    async for checked in check_index(driver, info, name):
        rows[checked.direction] += checked.rows
        differences += checked.differences
    repaired = 0
    for difference in dict.fromkeys(differences) if repairs else ():
        repaired += await repair(driver, info, difference)
    found = len(dict.fromkeys(differences))
    print(
        f"{info.table.name} {name}: {counted(rows['items'], 'item')}, {counted(rows['index rows'], 'index row')},"
        f" {counted(found, 'difference')}{f', {repaired:,} repaired' if repairs else ''}"
    )
    for difference in list(dict.fromkeys(differences))[:DIFFERENCES_SHOWN_MAX]:
        key = orjson.dumps(info.keys.base.key_attributes(difference.item_key)).decode()
        print(f"    {difference.kind}: item {key}")
    if found > DIFFERENCES_SHOWN_MAX:
        print(f"    and {found - DIFFERENCES_SHOWN_MAX:,} more")
    return Result(found, repaired)


def status_of(info: TableInfo, name: str) -> str:
    """Of an index, or of time to live."""
    if name != TIME_TO_LIVE:
        return info.table.indexes[name].status
    assert info.table.time_to_live is not None
    return info.table.time_to_live.status
