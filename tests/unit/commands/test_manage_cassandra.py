"""magnetodb-manage with storage = cassandra, where no cluster is."""

import socket

import pytest

from magnetodb.commands.manage import main


@pytest.fixture
def run():
    """run(*words) -> exit code of the command, with a port at which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        yield lambda *words: main([*words, "--storage", "cassandra", "--cassandra-port", port])


@pytest.mark.parametrize(
    "words", ["cassandra setup", "tables list", "tables show orders", "index check", "index repair", "jobs"]
)
def test_a_cluster_that_is_not_reached_is_a_sentence(run, capsys, words):
    code = run(*words.split())
    message = capsys.readouterr().err

    assert 1 == code
    assert message.startswith("magnetodb-manage: ")
    assert "No Cassandra node answers at 127.0.0.1, port " in message
    assert "Traceback" not in message


@pytest.mark.parametrize("words", ["backup FILE", "restore FILE"])
def test_a_cluster_has_no_data_file(run, capsys, tmp_path, words):
    code = run(*words.replace("FILE", str(tmp_path / "file")).split())

    assert 1 == code
    assert capsys.readouterr().err.startswith("magnetodb-manage: This is for storage = sqlite. A Cassandra cluster is")


@pytest.mark.parametrize("text", ["dc1", "dc1:", ":3", "dc1:0", "dc1:three", "dc'1:3"])
def test_a_wrong_replication_is_a_sentence(run, capsys, text):
    code = run("cassandra", "setup", "--cassandra-replication", text)

    assert 1 == code
    assert f"cassandra_replication: '{text}' is not DATA_CENTRE:COPIES" in capsys.readouterr().err
