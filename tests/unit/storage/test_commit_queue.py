"""What waits is taken in groups that are fair to every table, and soon."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnetodb.errors import StorageBusy
from magnetodb.storage.commit_queue import GROUP_BYTES, QUEUE_BYTES_MAX, CommitQueue, Work

GROUPS_MAX = 4


class Write(Work):
    """A work of a table."""

    def __init__(self, table, size=1000):
        self.table = table
        self.size = size


@pytest.fixture
def queue():
    return CommitQueue(GROUPS_MAX)


def taken(queue):
    works, _ = queue.take()
    return list(works)


def test_what_is_little_is_one_group_in_the_order_in_which_it_came(queue):
    works = [Write(table) for table in "abacab"]
    for work in works:
        queue.put([work])

    assert (works, True) == queue.take()
    assert not queue
    assert 0 == queue.size


def test_a_table_with_a_long_queue_does_not_delay_another(queue):
    flood = [Write("flood", GROUP_BYTES // 10) for _ in range(100)]
    queue.put(flood)
    quiet = Write("quiet")
    queue.put([quiet])
    group = taken(queue)

    assert quiet in group
    assert 2 < len(group) < 30


def test_works_of_one_table_stay_in_order(queue):
    works = [Write("ab"[number % 2], GROUP_BYTES // 7) for number in range(60)]
    queue.put(works)
    order = []
    while queue:
        order += taken(queue)

    for table in "ab":
        assert [work for work in works if work.table == table] == [work for work in order if work.table == table]


def test_many_tables_are_each_served_in_every_group(queue):
    queue.put([Write(str(number % 100), GROUP_BYTES // 50) for number in range(1000)])
    groups = []
    while queue:
        groups.append(taken(queue))

    assert {str(number) for number in range(100)} == {work.table for work in groups[0]}
    assert len(groups) <= 10


def test_a_group_has_at_least_one_work_of_each_table(queue):
    queue.put([Write("a", GROUP_BYTES * 3), Write("a", GROUP_BYTES * 3), Write("b", GROUP_BYTES * 3)])

    assert ["a", "b"] == [work.table for work in taken(queue)]


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("abcdef"), st.sampled_from([1, 1000, 100_000, GROUP_BYTES, GROUP_BYTES * 2])),
            max_size=40,
        ),
        max_size=12,
    )
)
def test_whatever_comes_every_work_is_in_one_of_the_next_groups(arrivals):
    """Between any two groups others come; the bound is GROUPS_MAX all the same."""
    queue = CommitQueue(GROUPS_MAX)
    came, went = {}, {}
    group = 0
    arrivals = [*arrivals, *[[("flood", GROUP_BYTES)] * 3] * 5]
    while arrivals or queue:
        for table, size in arrivals.pop(0) if arrivals else ():
            work = Write(table, size)
            try:
                queue.put([work])
            except StorageBusy:
                continue
            came[work] = group
        if queue:
            for work in taken(queue):
                went[work] = group
            group += 1

    assert came.keys() == went.keys()
    assert all(went[work] - came[work] < GROUPS_MAX for work in came)
    assert 0 == queue.size


def test_too_much_is_refused_as_a_whole(queue):
    queue.put([Write("a", QUEUE_BYTES_MAX)])
    with pytest.raises(StorageBusy):
        queue.put([Write("a", 0), Write("a", 1)])
    works, _ = queue.take()

    assert [QUEUE_BYTES_MAX] == [work.size for work in works]
    assert not queue


def test_a_table_that_fills_the_queue_keeps_no_other_out(queue):
    queue.put([Write("flood", QUEUE_BYTES_MAX // 64) for _ in range(64)])
    with pytest.raises(StorageBusy):
        queue.put([Write("flood", 1)])
    quiet = Write("quiet", 1000)
    queue.put([quiet])

    assert quiet in taken(queue)


def test_what_is_larger_than_the_queue_waits_where_nothing_waits(queue):
    queue.put([Write("a", QUEUE_BYTES_MAX * 2)])

    assert [QUEUE_BYTES_MAX * 2] == [work.size for work in taken(queue)]


def test_what_is_put_back_comes_first_each_group_by_itself(queue):
    works = [Write("a") for _ in range(6)]
    queue.put(works)
    taken(queue)
    later = Write("b")
    queue.put([later])
    queue.put_back([works[:2], [], works[2:3], works[3:]])

    assert [(works[:2], False), (works[2:3], False), (works[3:], False), ([later], True)] == [
        (list(group), joined) for group, joined in (queue.take() for _ in range(4))
    ]


def test_arrivals_are_numbered(queue):
    works = [Write(table) for table in "aabba"]
    queue.put(works[:2])
    queue.put(works[2:])

    assert all(earlier.arrival < later.arrival for earlier, later in pairwise(works))
