"""magnetodb-manage index: every row of an index compared with its item, both ways, and put right."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from magnetodb.commands.arguments import CommandError, command_line, counted, parsed, with_project
from magnetodb.commands.manage_tables import no_tables, reading_driver, require_data_file, table_named, table_names
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.index_check import TIME_TO_LIVE, Difference, check_index, repair
from magnetodb.storage.job_positions import order_once
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import COUNT_ITEMS, TableInfo, Tables

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
    result = asyncio.run(check(reading_driver(configuration), words.project, words.table, words.index))
    return 1 if result.differences else 0


def index_repair(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    parser = with_project(command_line("index repair"))
    parser.add_argument("table", nargs="?", help="default: all tables of the project")
    parser.add_argument("index", nargs="?", help="default: all indexes")
    words, configuration = parsed(parser, arguments)
    require_data_file(configuration)
    driver = SqliteDriver(Path(configuration.data_dir))
    result = asyncio.run(check(driver, words.project, words.table, words.index, repairs=True))
    return 0 if result.repaired == result.differences else 1


async def check(
    driver: StorageDriver, project: str, table: str | None, index: str | None, *, repairs: bool = False
) -> Result:
    """Compare, print, and put right if asked. Closes the driver. Raises CommandError, StorageErrors."""
    differences = repaired = 0
    try:
        tables = Tables(driver)
        if repairs:
            await tables.open()
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
    finally:
        await driver.close()
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
