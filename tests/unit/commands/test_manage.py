"""magnetodb-manage."""

import sqlite3

import pytest

from magnetodb import conf
from magnetodb.commands.manage import COMMANDS, main


def test_the_sample_is_printed(capsys):
    assert 0 == main(["config", "sample"])
    assert conf.sample() == capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    ["tables list", "tables show orders", "index check", "index repair", "jobs", "backup FILE", "export orders FILE"],
)
def test_without_a_data_file_nothing_is_reported_and_nothing_made(capsys, tmp_path, words):
    missing = tmp_path / "missing"
    code = main([*words.replace("FILE", str(tmp_path / "file")).split(), "--data-dir", str(missing)])

    assert 1 == code
    assert f"magnetodb-manage: There is no data file in {missing}.\n" == capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


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
