"""Partition keys as Cassandra takes them."""

from hypothesis import given
from hypothesis import strategies as st

from magnetodb.storage.cassandra.partition_keys import partition_of, stored_partition

PARTITIONS = st.one_of(st.binary(max_size=6), st.lists(st.sampled_from([0, 0, 0, 1, 255]), max_size=6).map(bytes))


@given(PARTITIONS)
def test_a_partition_comes_back_and_is_never_stored_empty(partition):
    stored = stored_partition(partition)

    assert stored != b""
    assert partition == partition_of(stored)


@given(PARTITIONS, PARTITIONS)
def test_the_order_of_partitions_is_kept(first, second):
    assert (first < second) == (stored_partition(first) < stored_partition(second))


def test_what_has_a_byte_that_is_not_zero_is_stored_as_it_is():
    """On disk: this does not change."""
    stored = {each: stored_partition(each) for each in (b"a", b"\x00a", b"a\x00", b"", b"\x00", b"\x00\x00")}

    assert {
        b"a": b"a",
        b"\x00a": b"\x00a",
        b"a\x00": b"a\x00",
        b"": b"\x00",
        b"\x00": b"\x00\x00",
        b"\x00\x00": b"\x00\x00\x00",
    } == stored
