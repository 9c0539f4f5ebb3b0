"""The lock under which tables are made and dropped, on a fake Cassandra whose clock stands still between pauses."""

import asyncio

import pytest

from magnetodb.errors import StorageBusy
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cluster import DEFINITION_SECONDS_MAX
from magnetodb.storage.cassandra.schema import LOCK_SECONDS, LOCK_WAIT_SECONDS, schema_lock
from magnetodb.storage.cassandra.session_errors import OutcomeUnknown, Refused
from tests.storage.cassandra_model.fake_session import FakeCassandra, FakeSession

SDK_READ_SECONDS = 60
PAUSES_A_SECOND = 10


class Waiting(FakeSession):
    """A session that counts its pauses, with each of which a tenth of a second passes."""

    def __init__(self):
        self.pauses = 0
        self.cassandra = FakeCassandra(lambda: self.pauses // PAUSES_A_SECOND)
        self.cassandra.database = self.cassandra.database.defined(cql.CREATE_FORMAT)
        super().__init__(self.cassandra, lambda: self.pauses)

    async def pause(self, seconds):
        self.pauses += 1


@pytest.fixture
def session():
    return Waiting()


async def left_by(session, error):
    """Take the lock and leave it by an error; how long the next one waits, in seconds."""
    with pytest.raises(type(error)):
        async with schema_lock(session):
            raise error
    before = session.pauses
    async with schema_lock(session):
        return (session.pauses - before) / PAUSES_A_SECOND


async def test_the_next_one_has_the_lock_at_once(session):
    async with schema_lock(session):
        pass
    async with schema_lock(session):
        pass

    assert 0 == session.pauses


@pytest.mark.parametrize("error", [Refused("no"), StorageBusy("busy")], ids=lambda error: type(error).__name__)
async def test_a_change_that_was_not_made_frees_the_lock(session, error):
    assert 0 == await left_by(session, error)


@pytest.mark.parametrize(
    "error", [OutcomeUnknown("no answer"), asyncio.CancelledError()], ids=lambda error: type(error).__name__
)
async def test_a_change_that_may_be_under_way_keeps_the_lock_until_its_time_is_over(session, error):
    assert LOCK_SECONDS == pytest.approx(await left_by(session, error), abs=1)


def test_a_lock_outlives_every_change_and_who_waits_outlasts_the_lock():
    assert DEFINITION_SECONDS_MAX < LOCK_SECONDS < LOCK_WAIT_SECONDS < SDK_READ_SECONDS
