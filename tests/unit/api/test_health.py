"""The health text, and the check of the storage."""

import asyncio

import pytest

from magnetodb.api.health import CHECKED, healthy, storage_check
from magnetodb.errors import StorageUnavailable
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables


def test_the_words_are_those_of_aws():
    assert b"healthy: dynamodb.eu-west-1.amazonaws.com " == healthy("eu-west-1")


class Failing:
    """A driver of which one call fails, or never returns."""

    def __init__(self, call, *, hangs=False):
        self._call = call
        self._hangs = hangs

    async def get(self, keys):
        await self._fail("get")

    async def commit(self, batches):
        await self._fail("commit")

    async def _fail(self, call):
        if call == self._call:
            if self._hangs:
                await asyncio.Event().wait()
            raise StorageUnavailable("The disk is gone.")


@pytest.mark.parametrize(
    ("driver", "fault"),
    [
        (Failing("get"), "reading failed: The disk is gone."),
        (Failing("commit"), "committing failed: The disk is gone."),
        (Failing("commit", hangs=True), "committing did not end within 0.05 seconds"),
        (Failing(None), None),
    ],
)
async def test_a_storage_that_does_not_work_is_named(driver, fault):
    check = storage_check(driver, asyncio.get_running_loop(), seconds_max=0.05)

    assert fault == await asyncio.to_thread(check)


async def test_each_check_writes_another_value(tmp_path):
    driver = SqliteDriver(tmp_path)
    await Tables(driver).open()
    check = storage_check(driver, asyncio.get_running_loop())
    values = set()
    for _ in range(2):
        assert await asyncio.to_thread(check) is None
        values.update(row.value for row in await driver.get([CHECKED]))
    await driver.close()

    assert 2 == len(values)
