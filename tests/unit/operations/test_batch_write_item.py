"""BatchWriteItem on a real data file: what the black-box tests cannot see."""

from magnetodb.model.rows import Lost
from magnetodb.operations.throughput import Throughput
from magnetodb.storage.manager import StorageManager


def put(number, **attributes):
    return {"PutRequest": {"Item": {"pk": {"S": str(number)}, **attributes}}}


class CountingDriver:
    """Counts the batches of each commit."""

    def __init__(self, driver):
        self._driver = driver
        self.commits = []

    def __getattr__(self, name):
        return getattr(self._driver, name)

    async def commit(self, batches):
        self.commits.append(len(batches))
        return await self._driver.commit(batches)


class LosingDriver(CountingDriver):
    """Of every commit all batches but the first are lost."""

    async def commit(self, batches):
        outcomes = await super().commit(batches[:1])
        return outcomes + [Lost(0)] * (len(batches) - 1)


async def test_a_batch_is_one_commit(service):
    driver = CountingDriver(service.driver)
    service.cell.manager = StorageManager(driver, service.cell.tables)
    await service.run("BatchWriteItem", RequestItems={"single": [put(number) for number in range(25)]})

    assert [25] == driver.commits


async def test_writes_that_lose_too_many_races_come_back(service):
    service.cell.manager = StorageManager(LosingDriver(service.driver), service.cell.tables)
    requests = [put(number) for number in range(20)]
    answer = await service.run("BatchWriteItem", RequestItems={"single": requests}, ReturnConsumedCapacity="TOTAL")
    found = await service.run("Scan", TableName="single", Select="COUNT")

    assert {"single": requests[16:]} == answer["UnprocessedItems"]
    assert 16 == found["Count"]
    assert [{"TableName": "single", "CapacityUnits": 16.0}] == answer["ConsumedCapacity"]


async def test_what_is_over_the_throughput_comes_back(service):
    throughput = {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 3}}
    await service.create("slow", "pk:S")
    await service.run("UpdateTable", TableName="slow", BillingMode="PROVISIONED", **throughput)
    service.cell.throughput = service.cell.consumption.throughput = Throughput(lambda: 0.0)
    requests = [put(number) for number in range(5)]
    answer = await service.run("BatchWriteItem", RequestItems={"slow": requests})

    assert {"slow": requests[3:]} == answer["UnprocessedItems"]
    assert (
        "ProvisionedThroughputExceededException"
        == (await service.refusal("BatchWriteItem", RequestItems={"slow": requests[3:]}))[0]
    )
    assert (
        "TransactionCanceledException"
        == (
            await service.refusal(
                "TransactWriteItems", TransactItems=[{"Put": {"TableName": "slow", **requests[4]["PutRequest"]}}]
            )
        )[0]
    )


async def test_a_large_batch_lets_others_have_the_loop(service, turns):
    large = {"L": [{"S": "x" * 10} for _ in range(20_000)]}
    _, count = await turns(
        service.answer("BatchWriteItem", RequestItems={"single": [put(number, x=large) for number in range(20)]})
    )

    assert 20 <= count


async def test_a_table_may_be_named_by_its_arn(service):
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/single"
    await service.run("BatchWriteItem", RequestItems={arn: [put(1)]})
    answer = await service.run("BatchGetItem", RequestItems={arn: {"Keys": [{"pk": {"S": "1"}}]}})
    twice = await service.refusal("BatchWriteItem", RequestItems={arn: [put(1)], "single": [put(1)]})
    unnamed = await service.refusal("BatchWriteItem", RequestItems={"x y": [put(1)]})

    assert {arn: [{"pk": {"S": "1"}}]} == answer["Responses"]
    assert ("ValidationException", "Provided list of item keys contains duplicates") == twice
    assert "ValidationException" == unnamed[0]
