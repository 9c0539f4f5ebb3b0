"""magnetodb-manage backup and restore: copies of the data file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from magnetodb.commands.arguments import Bar, CommandError, command_line, counted, parsed
from magnetodb.commands.manage_tables import require_sqlite
from magnetodb.storage.sqlite_backup import backup, restore

USE_CASSANDRA: Final = "A Cassandra cluster is backed up by its own snapshots (nodetool snapshot)."


def backup_command(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    parser = command_line("backup")
    parser.add_argument("file", type=Path, help="where the copy is put")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    words, configuration = parsed(parser, arguments)
    require_sqlite(configuration, USE_CASSANDRA)
    if words.file.exists() and not words.force:
        raise CommandError(f"There is a file already: {words.file}. Only --force replaces it.")
    with Bar("copying") as bar:
        size = backup(Path(configuration.data_dir), words.file, progress=bar.show)
    print(f"{words.file}: {counted(size, 'byte')}, verified")
    return 0


def restore_command(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    parser = command_line("restore")
    parser.add_argument("file", type=Path, help="a backup")
    parser.add_argument("--force", action="store_true", help="replace the data file that is there")
    words, configuration = parsed(parser, arguments)
    require_sqlite(configuration, USE_CASSANDRA)
    directory = Path(configuration.data_dir)
    with Bar("copying") as bar:
        size = restore(directory, words.file, force=words.force, progress=bar.show)
    print(f"{directory}: {counted(size, 'byte')} restored from {words.file}")
    return 0
