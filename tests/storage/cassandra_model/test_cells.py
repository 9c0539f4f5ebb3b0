"""Merging is a join: so a mutation may come late, twice and in any order, and one copy can stand for all replicas."""

from hypothesis import given
from hypothesis import strategies as st

from tests.storage.cassandra_model.cells import NOTHING, Cell, Liveness, StoredRow, merged_row

TIMESTAMPS = st.integers(0, 3)
ENDS = st.sampled_from([None, 10, 20])


def liveness():
    return st.builds(lambda timestamp, end: Liveness(timestamp, end, end or 0), TIMESTAMPS, ENDS)


def cells():
    values = st.sampled_from([None, b"a", b"ab", b"b"])
    return st.builds(
        lambda timestamp, value, end: Cell(timestamp, value, end if value else None, (end or 0) if value else 0),
        TIMESTAMPS,
        values,
        ENDS,
    )


def stored_rows():
    """Rows as one statement makes them: none has what its own deletion covers."""
    columns = st.dictionaries(st.sampled_from("vw"), cells(), max_size=2)
    parts = st.builds(
        lambda live, cells: StoredRow(live, None, tuple(sorted(cells.items()))), st.none() | liveness(), columns
    )
    return parts | st.builds(lambda deleted: StoredRow(None, deleted), TIMESTAMPS)


def merged(*rows):
    found = StoredRow()
    for row in rows:
        found = merged_row(found, row)
    return found


@given(st.lists(stored_rows(), max_size=5), st.randoms())
def test_the_order_of_mutations_does_not_matter(rows, choose):
    shuffled = list(rows)
    choose.shuffle(shuffled)

    assert merged(*rows) == merged(*shuffled)


@given(st.lists(stored_rows(), max_size=5))
def test_a_mutation_that_comes_again_changes_nothing(rows):
    for row in rows:
        assert merged(*rows) == merged(*rows, row)


@given(st.lists(stored_rows(), max_size=4), st.lists(stored_rows(), max_size=4))
def test_mutations_may_be_merged_before_they_are_applied(first, second):
    assert merged(*first, *second) == merged_row(merged(*first), merged(*second))


@given(st.lists(stored_rows(), max_size=4))
def test_a_partition_merges_its_rows(rows):
    partition = NOTHING
    for row in rows:
        partition = partition.merged((((0,), row),))

    assert merged(*rows) == (partition.row((0,)) or StoredRow())


def test_at_equal_timestamps_a_deletion_wins_over_an_expiring_cell_and_that_over_a_live_one():
    live, larger, expiring, deleted = Cell(5, b"a"), Cell(5, b"b"), Cell(5, b"a", 90, 90), Cell(5, None)

    assert [larger, expiring, deleted, deleted] == [
        dict(merged(StoredRow(None, None, (("v", left),)), StoredRow(None, None, (("v", right),))).cells)["v"]
        for left, right in [(live, larger), (larger, expiring), (expiring, deleted), (live, deleted)]
    ]


def test_a_row_made_by_update_is_gone_with_its_cells_and_one_made_by_insert_is_not():
    cell = StoredRow(None, None, (("v", Cell(5, b"a")),))
    marker = StoredRow(Liveness(5), None, ())
    emptied = StoredRow(None, None, (("v", Cell(6, None)),))

    assert [False, True] == [merged(cell, emptied).live(0), merged(cell, marker, emptied).live(0)]
