"""Turns: first come, first served, by key."""

import asyncio

import pytest

from magnetodb.errors import StorageBusy
from magnetodb.storage.cassandra.gates import WAITING_MAX, Turns


async def test_turns_of_a_key_come_in_order_and_of_others_at_once():
    turns = Turns()
    order = []
    first = await turns.take("a")

    async def come(name, keys):
        turn = await turns.take(keys)
        order.append(name)
        await asyncio.sleep(0)
        turn.leave()

    waiting = [
        asyncio.ensure_future(come(name, keys)) for name, keys in [("1", "a"), ("2", "ab"), ("3", "b"), ("4", "c")]
    ]
    await asyncio.sleep(0.001)
    assert ["4"] == order
    first.leave()
    await asyncio.gather(*waiting)

    assert ["4", "1", "2", "3"] == order


async def test_keys_asked_for_in_any_order_block_nobody():
    turns = Turns()

    async def come(keys):
        for _ in range(20):
            turn = await turns.take(keys)
            await asyncio.sleep(0)
            turn.leave()

    await asyncio.gather(*[come(keys) for keys in ("ab", "ba", "bca", "c", "cab")])

    assert {} == turns._last


async def test_too_many_who_wait_are_refused():
    turns = Turns()
    first = await turns.take("a")
    waiting = [asyncio.ensure_future(turns.take("a")) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(StorageBusy):
        await turns.take("a")
    free = await turns.take("b")
    free.leave()
    first.leave()
    for each in waiting:
        (await each).leave()
    (await turns.take("a")).leave()
