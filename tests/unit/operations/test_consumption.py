"""Capacity units by table and index."""

from magnetodb.model.items import StoredItem
from magnetodb.model.keys import TableKeys
from magnetodb.model.table import Index, KeySchema, Table, Throughput
from magnetodb.operations.consumption import COUNTED_MAX, OTHERS, Consumer, Consumption
from magnetodb.operations.throughput import Throughput as Buckets
from magnetodb.storage.tables import TableInfo

INDEX = Index("g", "GSI", KeySchema(("b",)), "ALL", (), "i_1", throughput=Throughput(5, 5))


def info(name="t", rows_id="t_1", indexes=()):
    table = Table(
        project="p",
        name=name,
        id=rows_id,
        rows_id=rows_id,
        key=KeySchema(("a",)),
        attribute_types={"a": "S", "b": "S"},
        indexes={index.name: index for index in indexes},
        created=0.0,
        throughput=Throughput(5, 5),
    )
    return TableInfo(table, TableKeys(table))


def stored(size):
    return StoredItem.from_item({"a": {"S": "x"}, "b": {"S": "y"}}, size)


def test_reads_count_steps_of_four_kilobytes_and_half_if_they_may_be_old():
    consumption = Consumption()
    for size, consistent in ((0, True), (4097, True), (4096, False)):
        consumption.read(info(), size, consistent=consistent)
    consumption.read(info(), 1, consistent=True, transactional=True)
    consumption.fetched(info(), 1.5)

    assert {Consumer("p", "t", ""): 1 + 2 + 0.5 + 2 + 1.5} == consumption.read_units()


def test_writes_count_the_larger_of_the_old_and_the_new_item():
    consumption = Consumption()
    for old, new in ((None, stored(1)), (stored(2049), stored(5)), (stored(1024), None), (None, None)):
        consumption.wrote(info(), old, new)
    consumption.wrote(info(), None, stored(1), transactional=True)

    assert {Consumer("p", "t", ""): 1 + 3 + 1 + 1 + 2} == consumption.write_units()


def test_reads_of_an_index_are_the_indexes():
    consumption = Consumption()
    consumption.read(info(indexes=[INDEX]), 1, consistent=False, index=INDEX)

    assert {Consumer("p", "t", "g"): 0.5} == consumption.read_units()


def test_a_table_that_is_made_anew_goes_on():
    consumption = Consumption()
    for rows_id in ("t_1", "t_2"):
        consumption.read(info(rows_id=rows_id), 1, consistent=True)

    assert {Consumer("p", "t", ""): 2} == consumption.read_units()


def test_names_are_bounded():
    consumption = Consumption()
    for number in range(COUNTED_MAX + 50):
        consumption.read(info(f"t{number}", f"t_{number}"), 1, consistent=True)
    units = consumption.read_units()

    assert COUNTED_MAX + 1 == len(units)
    assert 50 == units[Consumer(OTHERS, OTHERS, OTHERS)]


def test_where_throughput_is_enforced_indexes_are_charged_for_writes():
    buckets = Buckets(lambda: 1000.0)
    consumption = Consumption(buckets)
    table = info(indexes=[INDEX])
    buckets.admit_write(table.table)
    consumption.wrote(table, None, stored(100))

    assert {Consumer("p", "t", ""): 1, Consumer("p", "t", "g"): 1} == consumption.write_units()
