import pytest

from magnetodb.errors import RowTableNotFound, StorageBusy, StorageError, StorageUnavailable
from magnetodb.model.rows import ANY, Change, RowKey, SortRange, TokenRange
from magnetodb.storage.late_driver import LateDriver
from magnetodb.storage.sqlite import SqliteDriver

KEY = RowKey("t", b"p", b"s")

CALLS = {
    "create_table": lambda driver: driver.create_table("t"),
    "commit": lambda driver: driver.commit([(Change(KEY, ANY, b"v"),)]),
    "get": lambda driver: driver.get((KEY,)),
    "query": lambda driver: driver.query("t", b"p", SortRange(), limit=1),
    "scan": lambda driver: driver.scan("t", TokenRange(), limit=1),
    "recover": lambda driver: driver.recover(),
    "drop_table": lambda driver: driver.drop_table("t"),
}


@pytest.mark.parametrize("call", CALLS)
async def test_before_it_is_there_the_reason_is_told(call):
    with pytest.raises(StorageUnavailable, match=r"^Not yet\.$"):
        await CALLS[call](LateDriver("Not yet."))


async def test_whoever_arrives_does_everything_until_he_leaves(tmp_path):
    late, driver = LateDriver("Not yet."), SqliteDriver(tmp_path)
    late.arrive(driver)
    for call in CALLS.values():
        await call(late)
    token = late.token(b"p")
    late.leave("No more.")

    assert driver.token(b"p") == token
    with pytest.raises(StorageUnavailable, match=r"^No more\.$"):
        late.token(b"p")
    late.arrive(driver)
    await late.close()
    await late.close()


class Failing:
    """A driver whose calls all fail."""

    def __init__(self, error):
        self._error = error

    async def get(self, keys, *, consistent=True, for_write=False):
        raise self._error

    async def recover(self):
        raise self._error


@pytest.mark.parametrize(
    "call", [lambda driver: driver.get((KEY, KEY), for_write=True), CALLS["recover"]], ids=["get", "recover"]
)
@pytest.mark.parametrize(
    ("error", "settled"), [(StorageBusy, 1), (StorageUnavailable, 1), (RowTableNotFound, 1), (StorageError, 0)]
)
async def test_what_was_turned_away_is_not_waited_for(call, error, settled):
    late = LateDriver("Not yet.")
    late.epochs.seconds_max = 50.0
    late.arrive(Failing(error("no")))
    with pytest.raises(error):
        await call(late)
    late.epochs.turn(1, 100.0)

    assert settled == late.epochs.settled(101.0)
