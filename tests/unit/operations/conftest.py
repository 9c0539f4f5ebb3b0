"""A cell on a data file of its own, for the tests of operations on items."""

import asyncio

import orjson
import pytest

from magnetodb import operations
from magnetodb.context import RequestContext
from magnetodb.errors import ServiceError
from magnetodb.operations.cell import Cell, Settings
from magnetodb.storage.manager import StorageManager
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables

CONTEXT = RequestContext("r", "p", "somebody", frozenset({"member"}), "eu-west-1", "123456789012")


class Service:
    """Runs operations on a data file of its own."""

    def __init__(self, directory):
        self.driver = SqliteDriver(directory)
        self.cell = Cell(
            StorageManager(self.driver),
            Tables(self.driver),
            Settings("eu-west-1", "123456789012", lambda: 0.0, "here:1"),
        )

    async def answer(self, operation, **request):
        """What the operation returns; spliced JSON is still a fragment."""
        return await operations.run(self.cell, CONTEXT, operation, request)

    async def run(self, operation, **request):
        """The answer as a client reads it."""
        return orjson.loads(orjson.dumps(await self.answer(operation, **request)))

    async def refusal(self, operation, **request):
        """The name and message of the error that the operation must raise."""
        with pytest.raises(ServiceError) as caught:
            await self.answer(operation, **request)
        return type(caught.value).__name__, caught.value.message

    async def create(self, name, *key, **members):
        """A table with keys like "pk:S"."""
        attributes = [text.split(":") for text in key]
        await self.run(
            "CreateTable",
            TableName=name,
            AttributeDefinitions=[
                {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in dict(attributes).items()
            ],
            KeySchema=[
                {"AttributeName": attribute, "KeyType": role}
                for (attribute, _), role in zip(attributes, ("HASH", "RANGE"), strict=False)
            ],
            BillingMode="PAY_PER_REQUEST",
            **members,
        )


@pytest.fixture
def service(runner, tmp_path):
    """A Service with tables "single" (pk) and "pair" (pk, sk)."""

    async def opened():
        service = Service(tmp_path)
        await service.cell.tables.open()
        await service.create("single", "pk:S")
        await service.create("pair", "pk:S", "sk:N")
        return service

    service = runner.run(opened())
    yield service
    runner.run(service.driver.close())


@pytest.fixture
def turns():
    """turns(coroutine) -> (its result, how often it let others have the loop)."""

    async def counted(coroutine):
        count = 0

        async def spin():
            nonlocal count
            while True:
                await asyncio.sleep(0)
                count += 1

        spinning = asyncio.ensure_future(spin())
        try:
            return await coroutine, count
        finally:
            spinning.cancel()

    return counted
