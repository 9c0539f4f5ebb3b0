"""What a change makes of an item row, and what is on disk of it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnetodb.model.rows import CHECK
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.item_row import (
    Followed,
    Lock,
    Position,
    decode_lock,
    decode_positions,
    encode_lock,
    encode_positions,
    followed,
    in_step,
    outstanding,
    plan,
    plan_fence,
    plan_lock,
)

ITEM = Position("t", 0, b"p", b"s")
OLD, NEW, ATTEMPT = UUID(int=1), UUID(int=2), UUID(int=3)
A, B, C = (Position("i", 0, key, b"") for key in (b"a", b"b", b"c"))

positions = st.lists(
    st.builds(
        Position,
        st.from_regex("[a-z0-9_]{1,48}", fullmatch=True),
        st.integers(0, 127),
        st.binary(max_size=40),
        st.binary(max_size=40),
    ),
    max_size=5,
).map(tuple)


@given(positions)
def test_positions_are_read_as_they_were_written(some):
    assert some == decode_positions(encode_positions(some))


@given(st.one_of(st.none(), st.just(CHECK), st.binary(max_size=100)), st.booleans(), positions)
def test_locks_are_read_as_they_were_written(value, derives, deletes):
    lock = Lock(value, derives, deletes)

    assert lock == decode_lock(encode_lock(lock))


def test_what_is_on_disk_does_not_change():
    assert b"\x01\x01\x00i\x00\x00\x00\x01a\x00\x00\x00\x00" == encode_positions([A])
    assert b"\x01p\x01\x00\x00\x00\x01\x01\x00i\x00\x00\x00\x01a\x00\x00\x00\x00value" == encode_lock(
        Lock(b"value", True, (A,))
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (ItemRow(), True),
        (ItemRow(iver=5), False),
        (ItemRow(iver=5, done=4), False),
        (ItemRow(iver=5, done=5), True),
        (ItemRow(iver=5, done=6), True),
        (ItemRow(done=6), True),
    ],
)
def test_a_row_is_in_step_if_its_last_hidden_rows_are_done(row, expected):
    assert expected == in_step(row)


def test_derived_rows_are_hidden_or_local():
    local, gone = Position("t", 1, b"p", b"x"), Position("t", 1, b"p", b"y")
    elsewhere = Position("t", 1, b"q", b"x")
    rows = followed(
        ITEM, [(local, b"1"), (gone, None), (local, None), (A, b"2"), (B, None), (A, None), (elsewhere, None)]
    )

    assert Followed(((local, b"1"),), (gone,), ((A, b"2"),), (B, elsewhere)) == rows


def bound(planned):
    """The values of the item's own statement."""
    return planned.statements[0].values


def test_a_put_of_a_row_in_step_has_only_its_own_deletions_outstanding():
    before = ItemRow(b"old", 10, OLD, 8, encode_positions([C]), 8)
    planned = plan(ITEM, before, b"new", Followed(puts=((A, b"new"),), deletes=(B,)), 20, NEW)

    assert (0, b"new", 20, NEW, 20, encode_positions([B]), b"p", 0, b"s", 10, OLD) == bound(planned)
    assert (((A, b"new"),), (B,)) == planned.hidden[3:]
    assert ItemRow(b"new", 20, NEW, 20, encode_positions([B]), 8) == planned.after


def test_what_is_outstanding_is_handed_on():
    before = ItemRow(b"old", 10, OLD, 10, encode_positions([A, C]), 8)
    planned = plan(ITEM, before, None, Followed(puts=((A, b"new"),), deletes=(B,)), 20, NEW)

    assert (C, B) == decode_positions(bound(planned)[5])
    assert cql.DEAD_ROW_SECONDS == bound(planned)[0]


def test_a_change_without_hidden_rows_leaves_what_is_outstanding():
    behind = ItemRow(b"old", 10, OLD, 10, encode_positions([A]), 8)
    at_rest = behind._replace(done=10)

    assert (10, encode_positions([A])) == bound(plan(ITEM, behind, b"new", Followed(), 20, NEW))[4:6]
    assert (None, None) == bound(plan(ITEM, at_rest, b"new", Followed(), 20, NEW))[4:6]


def test_a_row_that_is_held_is_free_after_its_change():
    held = ItemRow(b"old", 10, OLD, ltx=ATTEMPT, lnew=b"x")

    for value, text in ((b"new", cql.put_unlocked("t")), (CHECK, cql.unlock("t"))):
        planned = plan(ITEM, held, value, Followed(), 20, NEW)
        assert (text, None, None) == (planned.statements[0].text, planned.after.ltx, planned.after.lnew)


def test_a_lock_and_a_fence_leave_the_value():
    before = ItemRow(b"old", 10, OLD, 8, b"pend", 7)
    lock = plan_lock(ITEM, before, Lock(None, False, ()), ATTEMPT, 20, NEW)
    fence = plan_fence(ITEM, before, 20, NEW)

    assert before._replace(ver=20, tok=NEW, ltx=ATTEMPT, lnew=encode_lock(Lock(None, False, ()))) == lock.after
    assert before._replace(ver=20, tok=NEW) == fence.after


def test_what_brings_a_row_in_step_deletes_nothing_that_it_puts():
    row = ItemRow(b"v", 20, NEW, 15, encode_positions([A, B]))

    assert (ITEM, 20, 0, ((A, b"v"),), (B,)) == outstanding(ITEM, row, ((A, b"v"),))
