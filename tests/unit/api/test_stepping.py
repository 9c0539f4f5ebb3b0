"""Coroutines run without a task."""

import asyncio

import pytest

from magnetodb.api.stepping import run


def collected(*coroutines):
    """What `done` was called with, in order, after all coroutines have ended."""

    async def main():
        loop = asyncio.get_running_loop()
        results = asyncio.Queue()
        for coroutine in coroutines:
            run(loop, coroutine, results.put_nowait)
        return [await asyncio.wait_for(results.get(), 5) for _ in coroutines]

    return asyncio.run(main())


async def value(result, *waits):
    for wait in waits:
        await wait()
    return result


async def future_of_the_loop():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, None)
    await future


async def task():
    await asyncio.create_task(asyncio.sleep(0))


async def bare_yield():
    await asyncio.sleep(0)


async def gathered():
    await asyncio.gather(future_of_the_loop(), bare_yield())


@pytest.mark.parametrize("wait", [future_of_the_loop, task, bare_yield, gathered])
def test_a_coroutine_goes_on_when_what_it_waits_for_is_done(wait):
    assert ["result"] == collected(value("result", wait, wait))


def test_a_coroutine_that_never_waits_ends_at_once():
    """Before one that was started earlier and waits."""
    assert ["second", "first"] == collected(value("first", bare_yield), value("second"))


def test_an_error_of_what_it_waits_for_is_raised_in_the_coroutine():
    async def catches():
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception, OSError("lost"))
        try:
            await future
        except OSError as error:
            return str(error)

    assert ["lost"] == collected(catches())
