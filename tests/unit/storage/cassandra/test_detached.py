"""Coroutines that end whoever waits for them."""

import asyncio
import contextlib

import pytest

from magnetodb.storage.cassandra.detached import Detached


async def test_it_runs_in_the_step_of_its_maker_until_it_waits():
    done = []

    async def work():
        done.append("begun")
        await asyncio.sleep(0)
        done.append("ended")
        return 7

    detached = Detached(asyncio.get_running_loop(), work(), lambda _: None)

    assert ["begun"] == done
    assert await detached.future == 7
    assert ["begun", "ended"] == done


async def test_what_never_waits_has_ended_at_once():
    ended = []

    async def work():
        return 7

    detached = Detached(asyncio.get_running_loop(), work(), ended.append)

    assert (False, [detached], 7) == (detached.is_running, ended, detached.future.result())


async def test_it_goes_on_when_nobody_waits_any_more():
    gate = asyncio.get_running_loop().create_future()
    done = []

    async def work():
        await gate
        done.append("ended")

    detached = Detached(asyncio.get_running_loop(), work(), lambda _: None)
    waiting = asyncio.ensure_future(asyncio.wait_for(detached.future, 60))
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    gate.set_result(None)
    await detached.wait_ended()

    assert ["ended"] == done


async def test_what_it_raises_is_raised_to_who_waits():
    async def work():
        await asyncio.sleep(0)
        raise KeyError("no")

    detached = Detached(asyncio.get_running_loop(), work(), lambda _: None)

    with pytest.raises(KeyError, match="no"):
        await detached.future
    assert not detached.is_running
    await detached.wait_ended()


async def test_the_end_is_told_to_all_who_wait_for_it():
    gate = asyncio.get_running_loop().create_future()

    async def work():
        await gate

    detached = Detached(asyncio.get_running_loop(), work(), lambda _: None)
    waiting = [asyncio.ensure_future(detached.wait_ended()) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set_result(None)

    assert [None] * 3 == await asyncio.gather(*waiting)
