import asyncio
import sqlite3

import pytest

from magnetodb.errors import StorageBusy, StorageFull, StorageUnavailable
from magnetodb.storage.commit_queue import GROUP_BYTES, QUEUE_BYTES_MAX, Work
from magnetodb.storage.group_commit import GroupCommit


class Insert(Work):
    """Insert a number; note what happens to the work."""

    def __init__(self, connection, number, size=1024):
        self.connection = connection
        self.number = number
        self.size = size
        self.applied = self.restarted = self.settled = 0

    def apply(self, deadline):
        self.applied += 1
        self.connection.execute("INSERT INTO numbers VALUES (?)", (self.number,))
        return True

    def restart(self):
        self.restarted += 1

    def result(self):
        return self.number

    def settle(self, *, durable):
        self.settled += 1


class Poison(Insert):
    """Writes, and then fails."""

    def __init__(self, connection, error):
        super().__init__(connection, -1)
        self.error = error

    def apply(self, deadline):
        super().apply(deadline)
        raise self.error


class Slow(Insert):
    """Takes several turns."""

    def apply(self, deadline):
        super().apply(deadline)
        return self.applied == 5


@pytest.fixture
def connection(tmp_path):
    connection = sqlite3.connect(tmp_path / "numbers", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE numbers (number)")
    yield connection
    connection.close()


@pytest.fixture
def groups():
    """One entry for each group that began."""
    return []


@pytest.fixture
def commits(connection, runner, groups):
    commits = GroupCommit(connection, lambda: groups.append(len(groups)))
    yield commits
    runner.run(commits.close())


@pytest.fixture
def numbers(tmp_path):
    """numbers() -> what another connection sees."""
    reader = sqlite3.connect(tmp_path / "numbers")
    yield lambda: [number for (number,) in reader.execute("SELECT number FROM numbers")]
    reader.close()


async def test_what_waits_shares_a_commit(connection, commits, groups, numbers):
    futures = [future for number in range(100) for future in commits.submit([Insert(connection, number)])]

    assert list(range(100)) == await asyncio.gather(*futures)
    assert list(range(100)) == numbers()
    assert 1 == len(groups)


async def test_the_next_group_gathers_while_one_is_committed(connection, commits, groups, numbers):
    async def write(number):
        for step in range(10):
            await asyncio.wait(commits.submit([Insert(connection, number * 10 + step)]))

    await asyncio.gather(*map(write, range(8)))

    assert set(range(80)) == set(numbers())
    assert 10 <= len(groups) < 60


async def test_it_is_idle_only_when_no_transaction_is_open(connection, commits):
    assert commits.idle
    futures = commits.submit([Insert(connection, 1)])
    assert not commits.idle
    await asyncio.wait(futures)

    assert commits.idle


async def test_a_group_is_bounded(connection, commits, groups):
    await asyncio.wait(commits.submit([Insert(connection, number, GROUP_BYTES) for number in range(3)]))

    assert 3 == len(groups)


async def test_a_work_that_takes_long_gives_others_their_turn(connection, commits, numbers):
    work = Slow(connection, 1)
    await asyncio.wait(commits.submit([work, Insert(connection, 2)]))

    assert 5 == work.applied
    assert [1, 1, 1, 1, 1, 2] == numbers()


async def test_a_work_that_fails_takes_no_neighbour_with_it(connection, commits, numbers):
    good = [Insert(connection, number) for number in range(4)]
    bad = Poison(connection, ZeroDivisionError("bug"))
    futures = commits.submit([*good[:2], bad, *good[2:]])
    outcomes = await asyncio.gather(*futures, return_exceptions=True)

    assert [0, 1, ZeroDivisionError, 2, 3] == [
        type(outcome) if isinstance(outcome, Exception) else outcome for outcome in outcomes
    ]
    assert [0, 1, 2, 3] == numbers()
    assert [1] * 5 == [work.settled for work in [*good, bad]]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_FULL, StorageFull),
        (sqlite3.SQLITE_IOERR_FSYNC, StorageUnavailable),
        (sqlite3.SQLITE_CORRUPT, StorageUnavailable),
        (sqlite3.SQLITE_MISUSE, sqlite3.OperationalError),
    ],
)
async def test_sqlites_errors_are_told_as_storage_errors(connection, commits, code, expected):
    error = sqlite3.OperationalError("told by SQLite")
    error.sqlite_errorcode = code
    (future,) = commits.submit([Poison(connection, error)])

    with pytest.raises(expected, match="told by SQLite"):
        await future


async def test_work_goes_on_after_failures(connection, commits, numbers):
    await asyncio.wait(commits.submit([Poison(connection, ZeroDivisionError()) for _ in range(500)]))
    await asyncio.wait(commits.submit([Insert(connection, 1)]))

    assert [1] == numbers()


async def test_a_transaction_that_cannot_begin_is_told(connection, commits, tmp_path):
    connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(tmp_path / "numbers", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    first, second = commits.submit([Insert(connection, 1), Insert(connection, 2)])
    with pytest.raises(StorageUnavailable):
        await first
    with pytest.raises(StorageUnavailable):
        await second
    other.execute("ROLLBACK")
    other.close()

    (third,) = commits.submit([Insert(connection, 3)])
    assert 3 == await third


async def test_too_much_is_refused_as_a_whole(connection, commits, numbers):
    commits.submit([Insert(connection, 1, QUEUE_BYTES_MAX)])
    with pytest.raises(StorageBusy):
        commits.submit([Insert(connection, 2, 0), Insert(connection, 3, 1)])
    assert commits.submit([]) == []
    await asyncio.wait(commits.submit([Insert(connection, 4, 0)]))

    assert [1, 4] == numbers()


async def test_a_waiter_that_gave_up_hinders_nobody(connection, commits, numbers):
    first, second = commits.submit([Insert(connection, 1), Insert(connection, 2)])
    first.cancel()
    await second

    assert [1, 2] == numbers()


async def test_closing_waits_and_then_refuses(connection, commits, numbers):
    futures = commits.submit([Insert(connection, 1)])
    await commits.close()

    assert [True] == [future.done() for future in futures]
    assert [1] == numbers()
    with pytest.raises(StorageUnavailable):
        commits.submit([Insert(connection, 2)])
