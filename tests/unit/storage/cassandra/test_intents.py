"""Intents: their slots, and how they are noted and removed."""

from uuid import UUID

import pytest

from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.intents import (
    INTENT_SECONDS_MAX,
    SLOT_INTENTS_MAX,
    Intents,
    first_slot,
    hour_at,
    hour_of,
    time_of,
)
from magnetodb.storage.cassandra.item_row import Position
from magnetodb.storage.cassandra.session_errors import Refused
from tests.unit.storage.cassandra.scripted import Cluster

POSITION = Position("t_items", 0, b"p", b"s")


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def session(cluster):
    return cluster.process().session


@pytest.fixture
def intents(session):
    return Intents(session)


def rows(count, size=1):
    return [(POSITION._replace(partition=b"p" * size), version, UUID(int=version)) for version in range(count)]


async def test_a_slot_is_noted_once_and_serves_for_some_seconds(cluster, session, intents):
    first = await intents.write(rows(1))
    second = await intents.write(rows(2))
    assert ["[intent slot]", "intent"] == session.steps
    cluster.pass_seconds(10)
    third = await intents.write(rows(1))

    assert first[0].slot == second[1].slot != third[0].slot
    noted = {
        slot
        for (slot,) in cluster.select(
            cql.SELECT_INTENT_SLOTS, hour_at(cluster.now()), first_slot(cluster.now() - 20_000_000)
        )
    }
    assert {first[0].slot, third[0].slot} == noted
    assert hour_of(first[0].slot) == hour_at(time_of(first[0].slot))


async def test_a_slot_that_was_not_noted_is_noted_by_the_next(session, intents):
    session.on("slot", Refused(""))
    with pytest.raises(Refused):
        await intents.write(rows(1))
    await intents.write(rows(1))

    assert ["[intent slot]", "[intent slot]"] == session.steps


async def test_a_slot_holds_so_many(intents):
    first = await intents.write(rows(1))
    many = await intents.write(rows(SLOT_INTENTS_MAX))

    assert first[0].slot != many[0].slot


async def test_large_keys_need_several_messages(cluster, session, intents):
    written = await intents.write(rows(30, size=3000))
    assert "intent intent intent slot" in session.steps[0]
    assert 30 == cluster.intents()
    await intents.remove(written)

    assert 0 == cluster.intents()


async def test_old_intents_are_not_relied_upon(cluster, intents):
    written = await intents.write(rows(2))
    assert intents.fresh(written)
    cluster.pass_seconds(INTENT_SECONDS_MAX + 10)

    assert not intents.fresh(written)
