"""magnetodb-manage."""

import sqlite3

import pytest

from magnetodb import conf
from magnetodb.commands.manage import COMMANDS, main


def test_the_sample_is_printed(capsys):
    assert 0 == main(["config", "sample"])
    assert conf.sample() == capsys.readouterr().out


def test_an_empty_directory_has_no_tables(capsys, tmp_path):
    assert 0 == main(["tables", "list", "--data-dir", str(tmp_path)])
    assert "" == capsys.readouterr().out


def test_a_file_of_another_program_is_a_message(capsys, tmp_path):
    with sqlite3.connect(tmp_path / "magnetodb.sqlite") as database:
        database.execute("CREATE TABLE theirs (a)")

    assert 1 == main(["tables", "list", "orders", "--data-dir", str(tmp_path)])
    assert capsys.readouterr().err.startswith("magnetodb-manage: ")


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["tables"], 2), (["nothing", "here"], 2), (["--help"], 0)])
def test_without_a_command_all_are_listed(capsys, arguments, code):
    assert code == main(arguments)
    usage = capsys.readouterr().err
    assert all(name in usage for name in COMMANDS)
