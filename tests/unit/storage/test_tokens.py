"""Idempotency tokens on a real data file."""

import pytest

from magnetodb.errors import IdempotentParameterMismatchException, StorageUnavailable, TransactionInProgressException
from magnetodb.model.rows import ABSENT, Change, Committed, Lost, TokenRange
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables
from magnetodb.storage.tokens import CLOCKS_APART_SECONDS, TOKEN_EXPIRIES, TOKEN_SECONDS, TOKENS, Tokens, use_of

NOW = 1_753_272_000.5


@pytest.fixture
def driver(runner, tmp_path):
    async def opened():
        driver = SqliteDriver(tmp_path)
        await Tables(driver).open()
        return driver

    driver = runner.run(opened())
    yield driver
    runner.run(driver.close())


@pytest.fixture
def tokens(driver):
    return Tokens(driver)


@pytest.fixture
def record(driver, tokens):
    """record(use, now) -> outcome of the commit, or None if the use was recorded before."""

    async def recorded(use, now=NOW):
        change = await tokens.record(use, now)
        return None if change is None else (await driver.commit([(change,)]))[0]

    return recorded


async def rows(driver):
    """Numbers of rows in both tables."""
    return tuple([len((await driver.scan(table, TokenRange(), limit=1000)).rows) for table in (TOKENS, TOKEN_EXPIRIES)])


async def test_a_use_is_recorded_once(record):
    use = use_of("p", "token", b"digest")

    assert isinstance(await record(use), Committed)
    assert await record(use) is None


async def test_a_token_is_of_one_request(record, tokens):
    await record(use_of("p", "token", b"digest"))

    with pytest.raises(IdempotentParameterMismatchException):
        await tokens.record(use_of("p", "token", b"other"), NOW)


async def test_a_token_is_of_one_project(record):
    await record(use_of("p", "token", b"digest"))

    assert isinstance(await record(use_of("q", "token", b"other")), Committed)


async def test_project_and_token_do_not_run_together(record):
    await record(use_of("ab", "c", b"1"))

    assert isinstance(await record(use_of("a", "bc", b"2")), Committed)


async def test_an_expired_token_is_as_good_as_none(driver, record):
    await record(use_of("p", "token", b"digest"))
    outcome = await record(use_of("p", "token", b"other"), NOW + TOKEN_SECONDS)

    assert isinstance(outcome, Committed)
    assert (1, 1) == await rows(driver)


async def test_a_token_lives_ten_minutes(record):
    use = use_of("p", "token", b"digest")
    await record(use)

    assert await record(use, NOW + TOKEN_SECONDS - 1) is None


@pytest.mark.parametrize("wrong_seconds", [-3600, 3600])
async def test_where_clocks_are_apart_a_token_counts_for_a_server_an_hour_ahead_of_one_an_hour_behind(
    driver, wrong_seconds
):
    use = use_of("p", "token", b"digest")
    tokens = Tokens(driver, clocks_apart_seconds=CLOCKS_APART_SECONDS)
    change = await tokens.record(use, NOW + wrong_seconds)
    await driver.commit([(change,)])
    removed = await tokens.remove_expired(NOW + 3600)

    assert 0 == removed
    assert await tokens.record(use, NOW - wrong_seconds) is None


async def test_of_two_records_at_once_one_is_lost(driver, tokens):
    use = use_of("p", "token", b"digest")
    changes = [await tokens.record(use, NOW) for _ in range(2)]
    outcomes = await driver.commit([(change,) for change in changes])

    assert [Committed, Lost] == [type(outcome) for outcome in outcomes]


def test_what_runs_is_in_progress(tokens):
    use = use_of("p", "token", b"digest")
    with tokens.running(use):
        with pytest.raises(TransactionInProgressException), tokens.running(use):
            pass
        with pytest.raises(IdempotentParameterMismatchException), tokens.running(use_of("p", "token", b"other")):
            pass
        with tokens.running(use_of("q", "token", b"digest")):
            pass
    with tokens.running(use):
        pass


async def test_expired_tokens_are_removed_and_others_stay(driver, record, tokens):
    for number in range(50):
        await record(use_of("p", f"old-{number}", b"digest"))
    for number in range(20):
        await record(use_of("p", f"new-{number}", b"digest"), NOW + 100)
    removed = 0
    while step := await tokens.remove_expired(NOW + TOKEN_SECONDS + 1, limit=2):
        assert step <= 32
        removed += step

    assert 50 == removed
    assert (20, 20) == await rows(driver)


async def test_a_token_that_was_used_again_is_not_removed(driver, record, tokens):
    await record(use_of("p", "token", b"digest"))
    expiries = (await driver.scan(TOKEN_EXPIRIES, TokenRange(), limit=10)).rows
    await record(use_of("p", "token", b"other"), NOW + 2 * TOKEN_SECONDS)
    await driver.commit([(Change(expiries[0].key, ABSENT, b"\x01"),)])
    await tokens.remove_expired(NOW + TOKEN_SECONDS + 10)

    assert (1, 1) == await rows(driver)


class Buried:
    """A driver on which so much was removed of late that no more than an hour of it can be read together."""

    def __init__(self, driver):
        self._driver = driver

    def __getattr__(self, name):
        return getattr(self._driver, name)

    async def query(self, table, partition, sorts, *, limit):
        start, end = [int.from_bytes(each[:8], "big") for each in sorts]
        if table == TOKEN_EXPIRIES and end - max(start, NOW - 86_400) > 3600:
            raise StorageUnavailable
        return await self._driver.query(table, partition, sorts, limit=limit)


async def test_tokens_are_removed_although_many_were_removed_before_them(driver, record):
    await record(use_of("p", "token", b"digest"))
    tokens = Tokens(Buried(driver))
    for _ in range(10):
        await tokens.remove_expired(NOW + TOKEN_SECONDS + 1)

    assert (0, 0) == await rows(driver)
