from types import SimpleNamespace

import pytest

from magnetodb.model.rows import ABSENT, ANY, Change, RowKey
from magnetodb.storage.counts import COUNTS, Counts
from magnetodb.storage.row_tables_in_doubt import IN_DOUBT, RowTablesInDoubt
from magnetodb.storage.sqlite import SqliteDriver

NOTE = RowKey(IN_DOUBT, b"id", b"")


@pytest.fixture
def world(tmp_path, runner):
    """A storage with two row tables, and the time there."""
    world = SimpleNamespace(driver=SqliteDriver(tmp_path), now=1000.0)
    world.of = lambda clock: RowTablesInDoubt(world.driver, Counts(world.driver), clock, lambda: world.now)
    world.notes = world.of(lambda: world.now)

    async def make():
        for name in (IN_DOUBT, COUNTS, "t_1", "t_2"):
            await world.driver.create_table(name)

    runner.run(make())
    yield world
    runner.run(world.driver.close())


async def test_a_note_is_written_once(world):
    first = await world.notes.note(NOTE, ABSENT, rows=["t_1"])

    assert first == (await world.driver.get([NOTE]))[0]
    assert await world.notes.note(NOTE, ABSENT, rows=["t_2"]) is None


async def test_a_note_that_is_old_enough_is_finished_and_gone(world):
    await world.notes.note(NOTE, ABSENT, rows=["t_1"])
    await world.notes.finish(10.0)
    world.now += 9.0
    await world.notes.finish(10.0)
    young = await world.driver.get([NOTE])
    world.now += 1.0
    await world.notes.finish(10.0)

    assert [None] != young
    assert [None] == await world.driver.get([NOTE])
    assert "t_1" not in world.driver._tables.numbers


@pytest.mark.parametrize("hours", [-3, 3])
async def test_how_old_a_note_is_does_not_depend_on_its_writers_clock(world, hours):
    writer = world.of(lambda: world.now + hours * 3600.0)
    await writer.note(NOTE, ABSENT, rows=["t_1"])
    await world.notes.finish(10.0)
    kept = await world.driver.get([NOTE])
    world.now += 10.0
    await world.notes.finish(10.0)

    assert [None] != kept
    assert [None] == await world.driver.get([NOTE])


async def test_a_note_that_was_written_anew_is_new(world):
    note = await world.notes.note(NOTE, ABSENT, rows=["t_1"])
    await world.notes.finish(10.0)
    world.now += 10.0
    await world.notes.note(NOTE, note, rows=["t_1"])
    await world.notes.finish(10.0)

    assert [None] != await world.driver.get([NOTE])


async def test_notes_of_earlier_programs_are_finished(world):
    """They were only the list, without a time."""
    await world.driver.commit([(Change(NOTE, ANY, b'["t_1", "t_2"]'),)])
    await world.notes.finish(10.0)

    assert [None] == await world.driver.get([NOTE])
    assert not {"t_1", "t_2"} & world.driver._tables.numbers.keys()
