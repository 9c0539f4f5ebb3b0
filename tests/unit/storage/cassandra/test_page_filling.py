"""Pages out of what Cassandra returns."""

from magnetodb.model.rows import Page, Row, RowKey
from magnetodb.storage.cassandra.page_filling import ROWS_FIRST, ROWS_MAX, ROWS_MIN, PageFilling, RowSizes
from magnetodb.storage.driver import READ_BYTES_MAX


def found(*sorts, value=b"v", version=7):
    return [(b"p", sort, value, version) for sort in sorts]


def sorts(filling):
    return [row.key.sort for row in filling.rows]


def test_rows_are_taken_with_key_value_and_version():
    filling = PageFilling("t", 10)
    filling.add(found(b"a"))

    assert Page([Row(RowKey("t", b"p", b"a"), b"v", 7)], True) == filling.page(more=True)


def test_dead_rows_are_left_out():
    filling = PageFilling("t", 10)
    filling.add([*found(b"a"), *found(b"b", value=None), *found(b"c")])

    assert [b"a", b"c"] == sorts(filling)


def test_a_hidden_row_has_no_version_of_its_own():
    filling = PageFilling("t", 10)
    filling.add(found(b"a", version=None))

    assert [0] == [row.version for row in filling.rows]


def test_one_row_more_than_there_is_room_for_says_that_there_is_more():
    filling = PageFilling("t", 2)
    assert filling.wanted == 3
    filling.add(found(b"a", b"b"))
    assert (1, False) == (filling.wanted, filling.is_full)
    filling.add(found(b"c"))

    assert filling.is_full
    assert [b"a", b"b"] == sorts(filling)


def test_the_row_with_which_the_page_is_large_enough_is_its_last():
    filling = PageFilling("t", 100)
    filling.add(found(b"a", b"b", b"c", value=bytes(READ_BYTES_MAX // 2)))

    assert [b"a", b"b"] == sorts(filling)
    assert filling.is_full


def test_a_page_that_is_large_enough_has_enough_before_more_is_known():
    filling = PageFilling("t", 100)
    filling.add(found(b"a", value=bytes(READ_BYTES_MAX)))

    assert (True, False) == (filling.has_enough, filling.is_full)


def test_as_many_rows_are_asked_for_as_fill_a_page():
    sizes = RowSizes()
    assert ROWS_FIRST == sizes.rows("t", 10_000)
    sizes.learn("t", 10, 10 * 10_240)

    assert READ_BYTES_MAX // 10_240 + 1 == sizes.rows("t", 10_000)


def test_no_more_rows_are_asked_for_than_are_wanted():
    assert RowSizes().rows("t", 3) == 3


def test_very_small_and_very_large_rows_are_asked_for_within_bounds():
    sizes = RowSizes()
    sizes.learn("small", 100, 100)
    sizes.learn("large", 3, 3 * 400_000)
    sizes.learn("nothing", 0, 0)

    assert [ROWS_MAX, ROWS_MIN, ROWS_FIRST] == [sizes.rows(table, 10_000) for table in ("small", "large", "nothing")]
