import asyncio

from magnetodb.model.rows import ANY, Change, RowKey
from magnetodb.storage.sqlite import SqliteDriver

PAGE = bytes(4000)


def key(number=0, table="t"):
    return RowKey(table, b"p", b"%06d" % number)


async def put(driver, *numbers, value=PAGE, table="t"):
    await driver.commit([(Change(key(number, table), ANY, value),) for number in numbers])


async def opened(directory):
    driver = SqliteDriver(directory)
    await driver.recover()
    await driver.create_table("t")
    return driver


def dropped_tables(driver):
    return driver._file.reader.execute("SELECT count(*) FROM row_tables WHERE dropped").fetchone()[0]


def free_pages(driver):
    return driver._file.reader.execute("PRAGMA freelist_count").fetchone()[0]


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_dropped_table_gives_its_space_back(tmp_path):
    driver = await opened(tmp_path)
    await put(driver, 1, value=b"kept")
    await driver.create_table("large")
    before = driver.path.stat().st_size
    for start in range(0, 2000, 100):
        await put(driver, *range(start, start + 100), table="large")
    await driver.drop_table("large")
    await until(lambda: not free_pages(driver) and driver.path.stat().st_size <= before + 65536)

    assert [b"kept"] == [row.value for row in await driver.get([key(1)])]
    await driver.close()


async def test_emptying_goes_on_after_a_restart(tmp_path):
    driver = await opened(tmp_path)
    await put(driver, *range(1000))
    await driver.drop_table("t")
    await driver.close()
    driver = SqliteDriver(tmp_path)
    assert dropped_tables(driver)
    await driver.recover()
    await until(lambda: not dropped_tables(driver))

    assert [(0,)] == driver._file.reader.execute("SELECT count(*) FROM rows").fetchall()
    await driver.close()


async def test_reads_and_writes_go_on_while_a_table_is_emptied(tmp_path):
    driver = await opened(tmp_path)
    await driver.create_table("large")
    await put(driver, *range(3000), value=b"v" * 100, table="large")
    await driver.drop_table("large")
    number = 0
    while dropped_tables(driver):
        await put(driver, number, value=b"v")
        assert [b"v"] == [row.value for row in await driver.get([key(number)])]
        number += 1

    assert number > 3
    await driver.close()


async def test_stopping_in_the_middle_is_safe(tmp_path):
    driver = await opened(tmp_path)
    await put(driver, *range(1000))
    await driver.drop_table("t")
    await asyncio.sleep(0)
    await driver.close()
    driver = await opened(tmp_path)

    assert [None] == await driver.get([key(1)])
    await driver.close()
