"""magnetodb-manage export and import: the items of a table as lines of DynamoDB's JSON, {"Item": {...}}, as AWS's own
exports have them; compressed where the file's name ends in .gz.

Both work on the data file, or with --url on a server. An export reads the file while a server has it, as it is at one
moment.
"""

import asyncio
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import time
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import orjson

from magnetodb import operations
from magnetodb.commands.arguments import Bar, CommandError, command_line, counted, parsed, with_project
from magnetodb.commands.manage_tables import context_of, reading_driver
from magnetodb.commands.remote import Remote
from magnetodb.context import RequestContext
from magnetodb.errors import ServiceError
from magnetodb.operations.cell import Cell, Settings
from magnetodb.service import Service, StartError, open_service
from magnetodb.storage.manager import StorageManager
from magnetodb.storage.tables import Tables

if TYPE_CHECKING:
    import argparse

    from oslo_config.cfg import ConfigOpts

SEGMENTS: Final = 64
"""An export goes through so many segments, one after the other, which is how its progress is known."""

LINE_BYTES_MAX: Final = 16 * 1024 * 1024
"""The largest item is far smaller, however its JSON is written."""

BATCH_ITEMS_MAX: Final = 25
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
BATCHES_MAX: Final = 20
"""So many batches are on their way at once."""

UNPROCESSED_ATTEMPTS_MAX: Final = 10


class Endpoint(Protocol):
    """Where operations are sent."""

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer. Raises ServiceError."""

    def call_all(self, operation: str, requests: Sequence[dict[str, Any]]) -> list[dict[str, Any] | ServiceError]:
        """The answers, in the order of the requests."""

    def close(self) -> None:
        """Nothing more is asked."""


class Line(NamedTuple):
    """An item, where it stands in its file, and the bytes of its line."""

    number: int
    item: dict[str, Any]
    size: int


class BrokenLine(Exception):
    """A line that is no item."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(number, reason)
        self.number = number
        self.reason = reason


def export_command(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    parser = with_project(command_line("export"))
    parser.add_argument("table")
    parser.add_argument("file", type=Path)
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    parser.add_argument("--url", help="of a server to ask; default: the data file, which a server may have")
    words, configuration = parsed(parser, arguments)
    if words.file.exists() and not words.force:
        raise CommandError(f"There is a file already: {words.file}. Only --force replaces it.")
    with closing(endpoint(words, configuration, writes=False)) as source:
        count = export_table(source, words.table, words.file)
    print(f"{words.file}: {counted(count, 'item')} of table {words.table}")
    return 0


def import_command(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    parser = with_project(command_line("import"))
    parser.add_argument("table", help="it must be there")
    parser.add_argument("file", type=Path)
    parser.add_argument("--url", help="of a server to ask; default: the data file, while no server has it")
    words, configuration = parsed(parser, arguments)
    if not words.file.is_file():
        raise CommandError(f"There is no file {words.file}.")
    with closing(endpoint(words, configuration, writes=True)) as target:
        count = import_table(target, words.table, words.file)
    print(f"{words.table}: {counted(count, 'item')} loaded from {words.file}")
    return 0


# ---- export


def export_table(source: Endpoint, table: str, path: Path) -> int:
    """Write all items; the file appears when it is complete. Raises CommandError."""
    check_table(source, table)
    partial = path.with_name(path.name + ".partial")
    count = 0
    try:
        with Bar("exporting") as bar, opened(partial, "wb", compressed=path.suffix == ".gz") as file:
            for segment in range(SEGMENTS):
                for items in pages(source, table, segment):
                    file.writelines([orjson.dumps({"Item": item}) + b"\n" for item in items])
                    count += len(items)
                bar.show(segment + 1, SEGMENTS)
        partial.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from None
    except ServiceError as error:
        raise CommandError(f"The export of {table} failed: {error.message}.") from None
    finally:
        partial.unlink(missing_ok=True)
    return count


def pages(source: Endpoint, table: str, segment: int) -> Iterator[list[Any]]:
    """The items of a segment, page by page."""
    request = {"TableName": table, "ConsistentRead": True, "Segment": segment, "TotalSegments": SEGMENTS}
    while True:
        answer = source.call("Scan", request)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request = request | {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


# ---- import


def import_table(target: Endpoint, table: str, path: Path) -> int:
    """Put all items of a file. Raises CommandError that names the line at which it stopped, and how many items were
    loaded."""
    check_table(target, table)
    loaded = 0
    try:
        with Bar("importing") as bar, path.open("rb") as raw, opened_lines(raw, path) as file:
            total = path.stat().st_size
            for chunk, broken in chunks(file):
                loaded += put_all(target, table, chunk, loaded)
                if broken is not None:
                    raise broken
                bar.show(min(raw.tell(), total), total)
    except BrokenLine as broken:
        raise CommandError(stopped(broken.number, broken.reason, loaded)) from None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from None
    return loaded


def put_all(target: Endpoint, table: str, lines: Sequence[Line], loaded: int) -> int:
    """Put items in batches; returns how many. Raises CommandError for the first that is refused."""
    requests = list(batches(lines))
    bodies = [{"RequestItems": {table: [put_request(line) for line in batch]}} for batch in requests]
    count = 0
    refused: list[list[Line]] = []
    for batch, outcome in zip(requests, target.call_all("BatchWriteItem", bodies), strict=True):
        if isinstance(outcome, ServiceError):
            refused.append(batch)
            continue
        put_unprocessed(target, outcome.get("UnprocessedItems") or {}, batch[0].number, loaded + count)
        count += len(batch)
    for batch in refused:
        # One by one, to know which it is; and an item that stands twice in a batch is no fault.
        for line in batch:
            try:
                target.call("PutItem", {"TableName": table, "Item": line.item})
            except ServiceError as error:
                raise CommandError(stopped(line.number, error.message, loaded + count)) from None
            count += 1
    return count


def put_unprocessed(target: Endpoint, unprocessed: dict[str, Any], number: int, loaded: int) -> None:
    """Put what lost too many races, or was throttled, again."""
    for _ in range(UNPROCESSED_ATTEMPTS_MAX):
        if not unprocessed:
            return
        try:
            unprocessed = target.call("BatchWriteItem", {"RequestItems": unprocessed}).get("UnprocessedItems") or {}
        except ServiceError as error:
            raise CommandError(stopped(number, error.message, loaded)) from None
    raise CommandError(stopped(number, "the server processed not all of what was sent", loaded))


def stopped(number: int, reason: str, loaded: int) -> str:
    """What an operator reads."""
    return (
        f"Line {number}: {reason.rstrip('.')}. {counted(loaded, 'item')} of the file were loaded before the import"
        " stopped. Correct the line and import the file again: items that are there already are put again."
    )


def put_request(line: Line) -> dict[str, Any]:
    """As BatchWriteItem takes it."""
    return {"PutRequest": {"Item": line.item}}


def batches(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """As many lines as one BatchWriteItem takes."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == BATCH_ITEMS_MAX or size + line.size > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += line.size
    if batch:
        yield batch


def chunks(file: IO[bytes]) -> Iterator[tuple[list[Line], BrokenLine | None]]:
    """The lines of a file, some at a time; the last ones perhaps with the broken line that follows them."""
    chunk: list[Line] = []
    size = 0
    try:
        for line in lines_of(file):
            chunk.append(line)
            size += line.size
            if len(chunk) == BATCH_ITEMS_MAX * BATCHES_MAX or size > BATCH_BYTES_MAX:
                yield chunk, None
                chunk, size = [], 0
    except BrokenLine as broken:
        yield chunk, broken
        return
    yield chunk, None


def lines_of(file: IO[bytes]) -> Iterator[Line]:
    """The items. Empty lines are left out. Raises BrokenLine."""
    number = 0
    while True:
        number += 1
        try:
            text = file.readline(LINE_BYTES_MAX + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BrokenLine(number, f"the compressed file is damaged ({error})") from None
        if not text:
            return
        if len(text) > LINE_BYTES_MAX:
            raise BrokenLine(number, "it is too long to be an item")
        if text.strip():
            yield Line(number, item_of(number, text), len(text))


def item_of(number: int, text: bytes) -> dict[str, Any]:
    """The item of a line. Raises BrokenLine."""
    try:
        parsed_line = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BrokenLine(number, f"it is no JSON ({error})") from None
    item = parsed_line.get("Item") if type(parsed_line) is dict else None
    if type(item) is not dict:
        raise BrokenLine(number, 'it is no {"Item": {...}}')
    return item


def opened(path: Path, mode: str, *, compressed: bool) -> IO[bytes]:
    """A file to be written."""
    return gzip.open(path, mode, compresslevel=6) if compressed else path.open(mode)  # type: ignore[return-value]


def opened_lines(raw: IO[bytes], path: Path) -> IO[bytes]:
    """A file to be read, decompressed where its name says so."""
    return gzip.GzipFile(fileobj=raw, mode="rb") if path.suffix == ".gz" else raw  # type: ignore[return-value]


# ---- where operations are sent


def check_table(asked: Endpoint, table: str) -> None:
    """Raises CommandError where the table is not there."""
    try:
        asked.call("DescribeTable", {"TableName": table})
    except ServiceError as error:
        raise CommandError(f"Table {table}: {error.message}.") from None


def endpoint(words: "argparse.Namespace", configuration: "ConfigOpts", *, writes: bool) -> Endpoint:
    """The server, or the data file. Raises CommandError, DataFileError."""
    if words.url:
        return Remote(words.url, configuration.region)
    context = context_of(configuration, words.project)
    if not writes:
        runner = asyncio.Runner()
        driver = runner.run(reading_driver(configuration))
        tables = Tables(driver)
        settings = Settings(configuration.region, configuration.account_id, time)
        return Storage(runner, context, Cell(StorageManager(driver, tables), tables, settings), driver.close)
    configuration.set_override("run_jobs", False)
    runner = asyncio.Runner()
    try:
        service: Service = runner.run(open_service(configuration))
    except StartError as error:
        runner.close()
        hint = " To import through that server: --url http://HOST:PORT" if "in use" in str(error) else ""
        raise CommandError(f"{error}{hint}") from None
    return Storage(runner, context, service.cell, service.close)


class Storage:
    """Operations on the storage itself, without a server."""

    def __init__(self, runner: asyncio.Runner, context: RequestContext, cell: Cell, close: Any) -> None:
        self._runner = runner
        self._context = context
        self._cell = cell
        self._close = close

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """See Endpoint."""
        return self._runner.run(self._run(operation, request))

    def call_all(self, operation: str, requests: Sequence[dict[str, Any]]) -> list[dict[str, Any] | ServiceError]:
        """See Endpoint."""

        async def run_all() -> Any:
            return await asyncio.gather(*[self._answer(operation, request) for request in requests])

        return list(self._runner.run(run_all()))

    def close(self) -> None:
        """See Endpoint."""
        self._runner.run(self._close())
        self._runner.close()

    async def _run(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        # As a client reads it: items are spliced into answers as they are stored.
        answered: dict[str, Any] = orjson.loads(
            orjson.dumps(await operations.run(self._cell, self._context, operation, request))
        )
        return answered

    async def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | ServiceError:
        try:
            return await self._run(operation, request)
        except ServiceError as error:
            return error
