"""magnetodb-manage: what an operator does beside serving. Commands that open the data file need the server stopped."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from magnetodb import conf
from magnetodb.api.auth import NOBODYS_PROJECT
from magnetodb.commands.manage_jobs import jobs
from magnetodb.service import StartError, open_service

PAGE_TABLES_MAX = 100


class Command(NamedTuple):
    """`run` gets what follows on the command line, and returns the exit code."""

    words: str
    help: str
    run: Callable[[Sequence[str]], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. The exit code: 0; 1 where it failed; 2 where there is no such command."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    words = next((count for count in (2, 1) if " ".join(arguments[:count]) in COMMANDS), 0)
    run = COMMANDS.get(" ".join(arguments[:words]))
    if run is None:
        print(usage(), file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        return run.run(arguments[words:])
    except (StartError, conf.ConfigurationError) as error:
        print(f"magnetodb-manage: {error}", file=sys.stderr)
        return 1


def usage() -> str:
    """All commands."""
    lines = [f"  magnetodb-manage {name} {command.words}\n      {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(["usage:", *lines])


def config_sample(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    print(conf.sample(), end="")
    return 0


def tables_list(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    named = bool(arguments) and not arguments[0].startswith("-")
    project = arguments[0] if named else NOBODYS_PROJECT
    asyncio.run(print_tables(project, arguments[named:]))
    return 0


async def print_tables(project: str, arguments: Sequence[str]) -> None:
    """A name on each line, in order."""
    configuration = conf.configure(arguments)
    configuration.set_override("run_jobs", False)
    service = await open_service(configuration)
    try:
        names: list[str] = []
        while names := await service.cell.tables.list(project, names[-1] if names else None, PAGE_TABLES_MAX):
            print("\n".join(names))
    finally:
        await service.close()


COMMANDS = {
    "config sample": Command("", "Print a configuration file with every option and its help.", config_sample),
    "jobs": Command(
        "[--data-dir DIR ...]",
        "Print the background jobs: who runs each, how far it is, what it waits for. The server may run.",
        jobs,
    ),
    "tables list": Command(
        "[PROJECT] [--data-dir DIR ...]",
        f"Print the names of a project's tables (project {NOBODYS_PROJECT}: those of a server without authentication).",
        tables_list,
    ),
}


if __name__ == "__main__":
    sys.exit(main())
