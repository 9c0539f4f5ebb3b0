import asyncio
import errno
import sqlite3
import threading

import pytest

from magnetodb.errors import RowTableNotFound, StorageBusy, StorageFull, StorageUnavailable
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


class Dangling(Insert):
    """Writes what COMMIT refuses."""

    def apply(self, deadline):
        super().apply(deadline)
        self.connection.execute("INSERT INTO children VALUES (1000000)")
        return True


class Refused(Insert):
    """Finds out that it has nothing to write."""

    def apply(self, deadline):
        self.refusal = RowTableNotFound("t")
        return True


class Loses(Insert):
    """Finds the storage not as it expects."""

    lost = True

    def apply(self, deadline):
        self.applied += 1
        return True


class Table(Insert):
    """A work of a table of its own."""

    def __init__(self, connection, number, size, table):
        super().__init__(connection, number, size)
        self.table = table


class Slow(Insert):
    """Takes several turns."""

    def apply(self, deadline):
        super().apply(deadline)
        return self.applied == 5


@pytest.fixture
def connection(tmp_path):
    connection = sqlite3.connect(tmp_path / "numbers", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE numbers (number)")
    connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE children (id REFERENCES parents DEFERRABLE INITIALLY DEFERRED)")
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


async def test_a_work_that_the_commit_refuses_is_found_in_few_commits(connection, commits, groups, numbers):
    """Nobody knows which one it is: the group is halved until it is alone."""
    works = [Dangling(connection, 33) if number == 33 else Insert(connection, number) for number in range(64)]
    outcomes = await asyncio.gather(*commits.submit(works), return_exceptions=True)

    assert [33] == [number for number, outcome in enumerate(outcomes) if isinstance(outcome, sqlite3.IntegrityError)]
    assert [number for number in range(64) if number != 33] == numbers()
    assert len(groups) <= 2 * 6 + 1


async def test_a_work_that_fails_in_a_statement_costs_its_neighbours_two_commits(connection, commits, groups, numbers):
    works = [Insert(connection, number) for number in range(100)]
    works.insert(50, Poison(connection, ZeroDivisionError("bug")))
    outcomes = await asyncio.gather(*commits.submit(works), return_exceptions=True)

    assert [50] == [number for number, outcome in enumerate(outcomes) if isinstance(outcome, ZeroDivisionError)]
    assert list(range(100)) == numbers()
    assert len(groups) <= 4


async def test_a_work_that_is_refused_disturbs_nobody(connection, commits, groups, numbers):
    first, refused, last = commits.submit([Insert(connection, 1), Refused(connection, 2), Insert(connection, 3)])
    with pytest.raises(RowTableNotFound):
        await refused

    assert [1, 3] == [await first, await last]
    assert [1, 3] == numbers()
    assert 1 == len(groups)


async def test_who_loses_to_what_is_committed_comes_again_in_the_same_group(connection, commits, groups, numbers):
    async def decide(number):
        await asyncio.wait(commits.submit([Loses(connection, number)]))
        await asyncio.sleep(0)
        return (await asyncio.gather(*commits.submit([Insert(connection, number)])))[0]

    assert [1, 2, 3] == await asyncio.gather(*map(decide, [1, 2, 3]))
    assert [1, 2, 3] == numbers()
    assert 1 == len(groups)


async def test_who_loses_to_what_is_not_yet_committed_is_told_when_it_is(connection, commits, numbers):
    first, second = commits.submit([Insert(connection, 1), Loses(connection, 2)])
    await second

    assert first.done()
    assert [1] == numbers()


async def test_a_group_of_nothing_but_losers_ends(connection, commits, groups):
    for _ in range(3):
        await asyncio.wait(commits.submit([Loses(connection, 1)]))
    async with asyncio.timeout(10):
        while not commits.idle:
            await asyncio.sleep(0)

    assert groups


async def test_a_table_with_a_long_queue_does_not_delay_another(connection, commits, groups):
    """The other table's work is in the next group but one: the one that gathers when it comes."""
    flood = commits.submit([Table(connection, number, GROUP_BYTES // 10, "flood") for number in range(100)])
    await asyncio.sleep(0)
    began = len(groups)
    (quiet,) = commits.submit([Table(connection, -1, 1000, "quiet")])
    await quiet

    assert len(groups) <= began + 2
    assert not all(future.done() for future in flood)

    await asyncio.wait(flood)


async def test_a_write_alone_waits_for_nothing_but_its_own_commit(connection, commits, groups):
    for number in range(5):
        await asyncio.wait(commits.submit([Insert(connection, number)]))

        assert number + 1 == len(groups)
        assert commits.idle


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
    bad = commits.submit([Poison(connection, ZeroDivisionError()) for _ in range(500)])
    await asyncio.gather(*bad, return_exceptions=True)
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


class OnTurns:
    """Turns that somebody else has until `come` is set."""

    def __init__(self):
        self.come = threading.Event()
        self.told = []
        self.error = None

    def enter(self):
        self.told.append("enter")
        return self.come.is_set()

    def wait(self):
        self.told.append("wait")
        self.come.wait()
        if self.error is not None:
            raise self.error

    def leave(self):
        self.told.append("leave")

    def give_up(self):
        self.told.append("give up")


async def test_another_processs_turn_is_waited_for_beside_the_loop(connection, runner, numbers):
    turns = OnTurns()
    commits = GroupCommit(connection, lambda: None, turns=turns)
    (future,) = commits.submit([Insert(connection, 1)])
    for _ in range(3):
        await asyncio.sleep(0.01)
    assert not future.done()
    turns.come.set()
    await future
    (future,) = commits.submit([Insert(connection, 2)])
    await future
    await commits.close()

    assert ["enter", "wait", "leave", "enter", "leave"] == turns.told
    assert [1, 2] == numbers()


async def test_a_turn_ends_after_a_failure_too(connection, numbers):
    turns = OnTurns()
    turns.come.set()
    commits = GroupCommit(connection, lambda: None, turns=turns)
    for work in (Poison(connection, ZeroDivisionError()), Dangling(connection, 1)):
        await asyncio.gather(*commits.submit([work]), return_exceptions=True)
    await commits.close()

    assert ["enter", "leave"] * 2 == turns.told
    assert [] == numbers()


async def test_a_turn_that_cannot_be_had_is_told_and_asked_for_again(connection, numbers):
    turns = OnTurns()
    turns.error = OSError(errno.ENOLCK, "No locks available")
    commits = GroupCommit(connection, lambda: None, turns=turns)
    (future,) = commits.submit([Insert(connection, 1)])
    await asyncio.sleep(0)
    turns.come.set()
    with pytest.raises(StorageUnavailable, match="cannot be locked: No locks available"):
        await future
    (future,) = commits.submit([Insert(connection, 2)])
    await future
    await commits.close()

    assert ["enter", "wait", "give up", "enter", "leave"] == turns.told
    assert [2] == numbers()


async def test_closing_waits_and_then_refuses(connection, commits, numbers):
    futures = commits.submit([Insert(connection, 1)])
    await commits.close()

    assert [True] == [future.done() for future in futures]
    assert [1] == numbers()
    with pytest.raises(StorageUnavailable):
        commits.submit([Insert(connection, 2)])
