"""magnetodb-manage: what an operator does beside serving. What only reads the storage works while servers have it."""

import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from magnetodb import conf
from magnetodb.api.auth import NOBODYS_PROJECT
from magnetodb.commands.arguments import CommandError
from magnetodb.commands.manage_backups import backup_command, restore_command
from magnetodb.commands.manage_cassandra import cassandra_setup
from magnetodb.commands.manage_indexes import index_check, index_repair
from magnetodb.commands.manage_items import export_command, import_command
from magnetodb.commands.manage_jobs import jobs
from magnetodb.commands.manage_tables import tables_list, tables_show
from magnetodb.errors import ServiceError, StorageError
from magnetodb.service import StartError


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
    except (CommandError, StartError, conf.ConfigurationError, StorageError, ServiceError) as error:
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


COMMANDS = {
    "backup": Command(
        "FILE [--force] [--data-dir DIR ...]",
        "Copy the data file as it is at one moment, and verify the copy. The server may run.",
        backup_command,
    ),
    "cassandra setup": Command(
        "[--cassandra-contact-points ADDRESS,... --cassandra-keyspace NAME --cassandra-replication DC:COPIES,... ...]",
        "Make the keyspace and its tables where they are missing, or upgrade them. The servers may run.",
        cassandra_setup,
    ),
    "config sample": Command("", "Print a configuration file with every option and its help.", config_sample),
    "export": Command(
        "TABLE FILE [--force] [--project PROJECT] [--url URL | --data-dir DIR ...]",
        "Write a table's items as lines of DynamoDB's JSON; compressed if FILE ends in .gz. The server may run.",
        export_command,
    ),
    "import": Command(
        "TABLE FILE [--project PROJECT] [--url URL | --data-dir DIR ...]",
        "Put the items of such a file into a table. While a server runs, through it: --url.",
        import_command,
    ),
    "index check": Command(
        "[TABLE [INDEX]] [--project PROJECT] [--data-dir DIR ...]",
        "Compare every index row with its item, both ways. Exit code 1: there are differences. The server may run.",
        index_check,
    ),
    "index repair": Command(
        "[TABLE [INDEX]] [--project PROJECT] [--data-dir DIR ...]",
        "Compare, and put right what differs. With storage = sqlite the server must be stopped.",
        index_repair,
    ),
    "jobs": Command(
        "[--data-dir DIR ...]",
        "Print the background jobs: who runs each, how far it is, what it waits for. The server may run.",
        jobs,
    ),
    "restore": Command(
        "FILE [--force] [--data-dir DIR ...]",
        "Put a backup in the place of the data file. The server must be stopped.",
        restore_command,
    ),
    "tables list": Command(
        "[PROJECT] [--data-dir DIR ...]",
        f"Print the names of a project's tables (project {NOBODYS_PROJECT}: those of a server without authentication).",
        tables_list,
    ),
    "tables show": Command(
        "TABLE [--project PROJECT] [--data-dir DIR ...]",
        "Print what is known of a table. The server may run.",
        tables_show,
    ),
}


if __name__ == "__main__":
    sys.exit(main())
