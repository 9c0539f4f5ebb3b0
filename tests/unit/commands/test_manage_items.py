"""magnetodb-manage export and import, on the data file."""

import asyncio
import gzip

import orjson
import pytest

from magnetodb import conf, operations
from magnetodb.commands.manage import main
from magnetodb.commands.manage_tables import context_of
from magnetodb.service import open_service

TABLE = {
    "TableName": "orders",
    "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def item(number):
    return {"a": {"S": f"key {number}"}, "n": {"N": str(number)}, "b": {"B": "AAEC"}, "l": {"L": [{"NULL": True}]}}


@pytest.fixture
def run(tmp_path):
    """run(*words) -> exit code of the command on the data file of this test."""
    return lambda *words: main([*words, "--data-dir", str(tmp_path / "data")])


@pytest.fixture
def ask(tmp_path):
    """ask(operation, request) -> its answer."""

    async def answer(operation, request):
        configuration = conf.configure(["--data-dir", str(tmp_path / "data")], {})
        service = await open_service(configuration)
        try:
            found = await operations.run(service.cell, context_of(configuration, "default"), operation, request)
            return orjson.loads(orjson.dumps(found))
        finally:
            await service.close()

    return lambda operation, request: asyncio.run(answer(operation, dict(request)))


@pytest.fixture
def table(ask):
    ask("CreateTable", TABLE)
    return "orders"


@pytest.fixture
def items_in(ask):
    def items(table):
        return sorted(ask("Scan", {"TableName": table})["Items"], key=lambda each: each["a"]["S"])

    return items


def write(path, items, *, more=b""):
    data = b"".join(orjson.dumps({"Item": each}) + b"\n" for each in items) + more
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


@pytest.mark.parametrize("name", ["items.json", "items.json.gz"])
def test_what_is_imported_is_exported_again(run, table, tmp_path, name):
    items = [item(number) for number in range(1200)]
    given, taken = tmp_path / name, tmp_path / f"again-{name}"
    codes = (run("import", table, write(given, items)), run("export", table, str(taken)))
    opened = gzip.open if name.endswith(".gz") else open
    with opened(taken) as file:
        lines = [orjson.loads(line) for line in file]

    assert (0, 0) == codes
    assert sorted(items, key=str) == sorted((line["Item"] for line in lines), key=str)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (b'{"Item": {"a"', "Line 31: it is no JSON"),
        (b'{"a": {"S": "x"}}\n', 'Line 31: it is no {"Item": {...}}'),
        (
            b'{"Item": {"a": {"N": "1"}}}\n',
            "Line 31: One or more parameter values were invalid: Type mismatch for key a",
        ),
        (b'\n\n{"Item": {"b": {"S": "x"}}}\n', "Line 33: "),
        (b"\xff\xfe\n", "Line 31: it is no JSON"),
    ],
)
def test_a_broken_line_stops_the_import_and_is_named(run, table, tmp_path, capsys, items_in, more, reason):
    broken = write(tmp_path / "broken", [item(number) for number in range(30)], more=more)
    code = run("import", table, broken)
    message = capsys.readouterr().err

    assert 1 == code
    assert message.startswith(f"magnetodb-manage: {reason}")
    assert "30 items of the file were loaded before the import stopped" in message
    assert 30 == len(items_in(table))


def test_an_import_can_be_run_again(run, table, tmp_path, items_in):
    items = [item(number) for number in range(100, 160)]
    run("import", table, write(tmp_path / "broken", items[:40], more=b"{\n"))
    code = run("import", table, write(tmp_path / "good", items))

    assert 0 == code
    assert items == items_in(table)


def test_a_compressed_file_that_ends_early_is_named(run, table, tmp_path, capsys):
    path = tmp_path / "items.gz"
    write(path, [item(number) for number in range(5000)])
    path.write_bytes(path.read_bytes()[:-2000])
    code = run("import", table, str(path))

    assert 1 == code
    assert "the compressed file is damaged" in capsys.readouterr().err


def test_an_item_that_stands_twice_is_put_twice(run, table, tmp_path, items_in):
    changed = item(1) | {"n": {"N": "99"}}
    code = run("import", table, write(tmp_path / "twice", [item(1), changed]))

    assert (0, [changed]) == (code, items_in(table))


@pytest.mark.parametrize("command", ["import", "export"])
def test_a_table_that_is_not_there_is_a_sentence(run, ask, tmp_path, capsys, command):
    ask("ListTables", {})
    file = tmp_path / "file"
    if command == "import":
        write(file, [])
    code = run(command, "nothing", str(file))

    assert 1 == code
    assert "Table nothing: Requested resource not found" in capsys.readouterr().err


def test_a_file_that_is_there_is_replaced_by_force_only(run, table, tmp_path, capsys):
    (tmp_path / "file").write_text("precious")
    refused = run("export", table, str(tmp_path / "file"))
    kept = (tmp_path / "file").read_text()
    forced = run("export", table, str(tmp_path / "file"), "--force")

    assert (1, "precious", 0, "") == (refused, kept, forced, (tmp_path / "file").read_text())


def test_a_server_that_does_not_answer_is_a_sentence(run, tmp_path, capsys):
    code = run("import", "orders", write(tmp_path / "file", []), "--url", "http://127.0.0.1:9")

    assert 1 == code
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["127.0.0.1:8480", "ftp://host", "http://"])
def test_what_is_no_url_is_a_sentence(run, tmp_path, capsys, url):
    code = run("import", "orders", write(tmp_path / "file", []), "--url", url)

    assert 1 == code
    assert "is no URL of a server" in capsys.readouterr().err
