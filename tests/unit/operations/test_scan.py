"""Scan: how segments share the tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnetodb.errors import ValidationException
from magnetodb.model.rows import TOKEN_MAX, TOKEN_MIN, TokenRange
from magnetodb.operations.scan import segment_tokens


def test_without_segments_all_tokens_are_read():
    assert TokenRange(TOKEN_MIN, TOKEN_MAX) == segment_tokens(None, None)


@given(st.integers(1, 1_000_000), st.data())
def test_neighbours_meet_without_gap_or_overlap(total, data):
    segment = data.draw(st.integers(0, total - 1))
    share = segment_tokens(segment, total)

    assert share.start <= share.end
    assert (segment == 0) == (share.start == TOKEN_MIN)
    assert (segment == total - 1) == (share.end == TOKEN_MAX)
    if segment:
        assert segment_tokens(segment - 1, total).end + 1 == share.start


@given(st.integers(1, 1_000_000))
def test_shares_are_of_one_size(total):
    sizes = [share.end - share.start for share in (segment_tokens(0, total), segment_tokens(total - 1, total))]

    assert abs(sizes[0] - sizes[1]) <= 1


@pytest.mark.parametrize(("segment", "total"), [(None, 1), (0, None), (1, 1)])
def test_other_pairs_are_refused(segment, total):
    with pytest.raises(ValidationException):
        segment_tokens(segment, total)
