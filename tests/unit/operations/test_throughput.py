"""Token buckets of provisioned throughput."""

from dataclasses import replace

import pytest

from magnetodb.errors import ProvisionedThroughputExceededException
from magnetodb.model.table import Index, KeySchema, Table, Throughput
from magnetodb.operations.throughput import INDEX_WRITE_EXCEEDED, TABLE_EXCEEDED
from magnetodb.operations.throughput import Throughput as Buckets

TABLE = Table(
    project="p",
    name="t",
    id="1",
    rows_id="t_1",
    key=KeySchema(("a",)),
    attribute_types={"a": "S", "b": "S"},
    indexes={},
    created=0.0,
    throughput=Throughput(10, 5),
)
GLOBAL = Index("g", "GSI", KeySchema(("b",)), "ALL", (), "i_1", throughput=Throughput(4, 2))
LOCAL = Index("l", "LSI", KeySchema(("a",), ("b",)), "ALL", (), "i_2")


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def buckets(clock):
    return Buckets(clock)


def admitted(admit, most=10_000):
    """How often it goes well."""
    for count in range(most):
        try:
            admit()
        except ProvisionedThroughputExceededException:
            return count
    return most


def reads(buckets, table=TABLE, index=None, consistent=True):
    return admitted(lambda: buckets.admit_read(table, index, consistent=consistent))


def writes(buckets, table=TABLE):
    return admitted(lambda: buckets.admit_write(table))


def test_a_table_that_was_not_used_has_one_second(buckets):
    assert (10, 5) == (reads(buckets), writes(buckets))


def test_eventually_consistent_reads_cost_half(buckets):
    assert 20 == reads(buckets, consistent=False)


def test_capacity_comes_back_with_time(buckets, clock):
    reads(buckets)
    clock.now += 0.5

    assert 5 == reads(buckets)


def test_five_minutes_of_unused_capacity_are_kept(buckets, clock):
    writes(buckets)
    clock.now += 3600

    assert 300 * 5 == writes(buckets)


def test_what_a_request_costs_beyond_the_least_is_owed(buckets, clock):
    """25 units of 10 a second: nothing for the next second and a half."""
    buckets.admit_read(TABLE, consistent=True)
    buckets.charge_read(TABLE, None, 25.0, consistent=True)
    clock.now += 1.5
    before = reads(buckets)
    clock.now += 0.1

    assert (0, 1) == (before, reads(buckets))


def test_the_message_is_that_of_aws(buckets):
    writes(buckets)
    with pytest.raises(ProvisionedThroughputExceededException) as caught:
        buckets.admit_write(TABLE)

    assert TABLE_EXCEEDED == caught.value.message


def test_an_index_has_throughput_of_its_own(buckets):
    table = TABLE.with_index(GLOBAL)

    assert (4, 10) == (reads(buckets, table, GLOBAL), reads(buckets, table))


def test_a_local_index_consumes_its_tables(buckets):
    table = TABLE.with_index(LOCAL)

    assert (10, 0) == (reads(buckets, table, LOCAL), reads(buckets, table))


def test_an_index_that_owes_stops_the_writes_of_its_table(buckets, clock):
    table = TABLE.with_index(GLOBAL)
    buckets.admit_write(table)
    buckets.charge_write(table, GLOBAL, 3.0)
    with pytest.raises(ProvisionedThroughputExceededException) as caught:
        buckets.admit_write(table)
    clock.now += 1.0
    buckets.admit_write(table)

    assert INDEX_WRITE_EXCEEDED == caught.value.message


def test_more_throughput_counts_at_once(buckets, clock):
    reads(buckets)
    clock.now += 1

    assert 100 == reads(buckets, replace(TABLE, throughput=Throughput(100, 5)))


def test_a_table_that_is_billed_by_request_is_not_limited(buckets):
    table = replace(TABLE, billing_mode="PAY_PER_REQUEST", throughput=Throughput())

    assert (10_000, 10_000) == (reads(buckets, table), writes(buckets, table))


def test_a_clock_that_is_moved_back_gives_and_takes_nothing(buckets, clock):
    reads(buckets)
    clock.now -= 500
    at_first = reads(buckets)
    clock.now += 1

    assert (0, 10) == (at_first, reads(buckets))


def test_each_of_several_processes_grants_its_share(clock):
    buckets = Buckets(clock, processes=lambda: 5)
    writes(buckets)
    clock.now += 100

    assert 100 == writes(buckets)


def test_a_share_of_less_than_a_request_lets_one_in_now_and_then(clock):
    buckets = Buckets(clock, processes=lambda: 50)
    at_once = writes(buckets)
    clock.now += 10

    assert (1, 1) == (at_once, writes(buckets))
