import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnetodb.model.expiry_keys import (
    EXPIRY_AGE_SECONDS_MAX,
    EXPIRY_BUCKETS,
    ExpiryCodec,
    due_range,
    expiry_seconds,
)
from magnetodb.model.keys import TableKeys
from magnetodb.model.table import KeySchema, Table, TimeToLive

NOW = 1_700_000_000.0


def codec(*sort: str) -> ExpiryCodec:
    expiry = TimeToLive("expires", "expiries", "ENABLED")
    types = {"pk": "S", **dict.fromkeys(sort, "B")}
    keys = TableKeys(Table("p", "t", "id", "rows", KeySchema(("pk",), sort), types, {}, 0.0, time_to_live=expiry))  # type: ignore[arg-type]
    assert keys.expiry is not None
    return keys.expiry


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ({"N": "0"}, 0),
        ({"N": "1700000000"}, 1_700_000_000),
        ({"N": "1700000000.9"}, 1_700_000_000),
        ({"N": "999999999999999999"}, 999_999_999_999_999_999),
        ({"N": "1000000000000000000"}, None),
        ({"N": "1" + "0" * 125}, None),
        ({"N": "-1"}, None),
        ({"N": "-0.5"}, None),
        ({"S": "1700000000"}, None),
        ({"NS": ["1700000000"]}, None),
        ({"M": {"N": {"N": "1"}}}, None),
        (None, None),
    ],
)
def test_only_numbers_of_seconds_are_expiries(value: dict[str, str] | None, seconds: int | None) -> None:
    item = {} if value is None else {"expires": value}

    assert seconds == expiry_seconds(item, "expires")


@given(st.text(min_size=1, max_size=20), st.integers(0, 10**18 - 1))
def test_a_row_names_its_item_on_a_table_without_sort_key(partition: str, seconds: int) -> None:
    key = codec().row_key({"pk": {"S": partition}, "expires": {"N": str(seconds)}})

    assert key is not None
    assert ("expiries", True) == (key.table, key.partition in EXPIRY_BUCKETS)
    assert ("rows", partition.encode(), b"") == codec().table_key(key)


@given(st.text(min_size=1, max_size=20), st.sampled_from(["AA==", "AAE=", "AP8=", "/w=="]))
def test_a_row_names_its_item_on_a_table_with_one(partition: str, sort: str) -> None:
    item = {"pk": {"S": partition}, "sk": {"B": sort}, "expires": {"N": "7"}}
    key = codec("sk").row_key(item)
    base = TableKeys(Table("p", "t", "id", "rows", KeySchema(("pk",), ("sk",)), {"pk": "S", "sk": "B"}, {}, 0.0)).base

    assert key is not None
    assert base.row_key(item) == codec("sk").table_key(key)


@given(st.integers(0, 10**18 - 1), st.integers(0, 10**18 - 1))
def test_rows_lie_in_the_order_of_time(one: int, other: int) -> None:
    first, second = (codec().row_key({"pk": {"S": "a"}, "expires": {"N": str(each)}}) for each in (one, other))

    assert first is not None
    assert second is not None
    assert (one < other) == (first.sort < second.sort)


def test_one_partition_of_a_table_does_not_fill_one_bucket() -> None:
    items = [{"pk": {"S": "a"}, "sk": {"B": f"{number:04}"}, "expires": {"N": "7"}} for number in range(500)]
    buckets = {key.partition for item in items if (key := codec("sk").row_key(item)) is not None}

    assert set(EXPIRY_BUCKETS) == buckets


@given(st.integers(-2, 2), st.sampled_from([0, EXPIRY_AGE_SECONDS_MAX]), st.sampled_from([0.0, 0.25, 0.999]))
def test_what_is_in_the_range_is_what_is_due(offset: int, age: int, fraction: float) -> None:
    item = {"pk": {"S": "a"}, "expires": {"N": str(int(NOW) - age + offset)}}
    key = codec().row_key(item)
    start, end = due_range(NOW + fraction)

    assert key is not None
    assert end is not None
    assert codec().is_due(item, NOW + fraction) == (start <= key.sort < end)


def test_an_item_expires_behind_its_time() -> None:
    due = [codec().is_due({"expires": {"N": text}}, NOW) for text in ("1699999999", "1700000000", "1700000001")]

    assert [True, False, False] == due


def test_what_expired_over_five_years_ago_stays() -> None:
    oldest = int(NOW) - EXPIRY_AGE_SECONDS_MAX
    due = [codec().is_due({"expires": {"N": str(seconds)}}, NOW) for seconds in (oldest - 1, oldest, oldest + 1)]

    assert [False, True, True] == due


def test_a_clock_before_the_epoch_finds_nothing() -> None:
    assert due_range(-5.0).start == due_range(-5.0).end
