import pytest

from magnetodb.commands.manage import main
from magnetodb.commands.manage_jobs import described
from magnetodb.storage.job_positions import order_once
from magnetodb.storage.leases import Lease, StoredLease
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import CHANGE_INDEXES, Tables


async def work(driver):
    """What a server leaves in its file."""
    await Tables(driver).open()
    await order_once(driver, CHANGE_INDEXES, "id", {"project": "p", "name": "orders"})
    await Lease(driver, CHANGE_INDEXES, owner="host/1/x", clock=lambda: 1000.0).hold(
        {"status": "working", "since": 0.0, "progress": "17 items"}
    )


@pytest.fixture
def server(tmp_path, runner):
    """Has the data file."""
    driver = SqliteDriver(tmp_path)
    runner.run(work(driver))
    yield
    runner.run(driver.close())


@pytest.mark.usefixtures("server")
def test_jobs_are_shown_while_a_server_has_the_file(tmp_path, capsys):
    code = main(["jobs", "--data-dir", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()

    assert 0 == code
    assert (
        "change_indexes: working since 1970-01-01 00:00:00 UTC; 17 items; nobody runs it now",
        "    waits: table orders",
    ) == tuple(lines[:2])
    assert "count_items: never run" in lines


def test_without_a_data_file_there_are_no_jobs(tmp_path, capsys):
    code = main(["jobs", "--data-dir", str(tmp_path)])

    assert (1, f"magnetodb-manage: There is no data file in {tmp_path}.\n") == (code, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("state", "until", "expected"),
    [
        ({"status": "idle", "since": 60.0}, 99.0, "idle since 1970-01-01 00:01:00 UTC; run by me"),
        (
            {"status": "failing", "since": 60.0, "failures": 2, "error": "StorageFull: no space"},
            98.0,
            "failing since 1970-01-01 00:01:00 UTC; failed 2 times in a row: StorageFull: no space; nobody runs it now",
        ),
    ],
)
def test_a_job_is_a_sentence(state, until, expected):
    assert expected == described(StoredLease("job", "me", until, state), 98.0)
