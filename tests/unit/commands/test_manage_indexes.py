"""magnetodb-manage index check and repair, on a data file whose index was damaged by hand."""

import asyncio

import pytest

from magnetodb import conf, operations
from magnetodb.commands.manage import main
from magnetodb.commands.manage_tables import context_of
from magnetodb.model.rows import ANY, Change, RowKey, SortRange
from magnetodb.service import open_service
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables

TABLE = {
    "TableName": "orders",
    "AttributeDefinitions": [
        {"AttributeName": "a", "AttributeType": "S"},
        {"AttributeName": "state", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_state",
            "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


@pytest.fixture
def run(tmp_path):
    """run(*words) -> exit code of the command on the data file of this test."""
    return lambda *words: main([*words, "--data-dir", str(tmp_path)])


@pytest.fixture
def table(tmp_path):
    """Ten items, nine of them in the index."""

    async def fill():
        configuration = conf.configure(["--data-dir", str(tmp_path)], {})
        service = await open_service(configuration)
        context = context_of(configuration, "default")
        await operations.run(service.cell, context, "CreateTable", dict(TABLE))
        for number in range(10):
            item = {"a": {"S": str(number)}} | ({"state": {"S": "new"}} if number else {})
            await operations.run(service.cell, context, "PutItem", {"TableName": "orders", "Item": item})
        await service.close()

    asyncio.run(fill())
    return "orders"


@pytest.fixture
def damage(tmp_path, table):
    """damage(change) changes rows of the index: change(row table of the index, its rows) -> changes."""

    async def commit(changes):
        driver = SqliteDriver(tmp_path)
        index = (await Tables(driver).get("default", table)).keys.indexes["by_state"]
        rows = (await driver.query(index.rows_id, b"new", SortRange(), limit=100)).rows
        await driver.commit([tuple(changes(index.rows_id, rows))])
        await driver.close()

    return lambda changes: asyncio.run(commit(changes))


def test_a_sound_index_is_exit_code_0(run, table, capsys):
    assert 0 == run("index", "check")
    assert "orders by_state: 10 items, 9 index rows, 0 differences\n0 differences\n" == capsys.readouterr().out


DAMAGES = {
    "missing": lambda rows_id, rows: [Change(rows[0].key, ANY, None)],
    "surplus": lambda rows_id, rows: [Change(RowKey(rows_id, b"old", rows[0].key.sort), ANY, rows[0].value)],
    "outdated": lambda rows_id, rows: [Change(rows[0].key, ANY, rows[1].value)],
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_difference_is_found_named_and_put_right(run, damage, capsys, kind):
    damage(DAMAGES[kind])
    checked = run("index", "check", "orders", "by_state")
    found = capsys.readouterr().out
    repaired = run("index", "repair", "orders")
    put_right = capsys.readouterr().out
    again = run("index", "check")

    assert (1, 0, 0) == (checked, repaired, again)
    assert f"    {kind}: item {{" in found
    assert "1 difference, 1 repaired" in put_right


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing"], "Project default has no table nothing."),
        (["orders", "nothing"], "Table orders has no index nothing."),
        (["orders", "--project", "other"], "Project other has no table orders."),
    ],
)
def test_what_is_not_there_is_a_sentence(run, table, capsys, words, sentence):
    assert 1 == run("index", "check", *words)
    assert f"magnetodb-manage: {sentence}\n" == capsys.readouterr().err


def test_a_project_without_tables_is_no_success(run, table, capsys):
    sentence = "Project typo has no tables; these have some: default.\n"
    checked, refused = run("index", "check", "--project", "typo"), capsys.readouterr().err
    listed, said = run("tables", "list", "typo"), capsys.readouterr()

    assert (1, f"magnetodb-manage: {sentence}") == (checked, refused)
    assert (0, "", sentence) == (listed, said.out, said.err)


def test_without_a_data_file_there_is_nothing_to_check(run, tmp_path, capsys):
    assert 1 == run("index", "check")
    assert "There is no data file" in capsys.readouterr().err
