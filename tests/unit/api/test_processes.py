"""The memory that worker processes share. Here one process plays all of them."""

import os
import select

import pytest

from magnetodb.api.processes import (
    FIGURES_BYTES_MAX,
    FIGURES_HEAD_BYTES,
    LEAD_FRACTION,
    PUBLISHED,
    SEEN,
    SILENCE_NS_MAX,
    Process,
    Processes,
)


def started(processes):
    """A process for each slot, there and without connections."""
    all_of_them = [Process(processes, number) for number in range(1, processes.count + 1)]
    for process in all_of_them:
        process.say_there()
    return all_of_them


def test_figures_are_read_as_they_were_published():
    processes = Processes(2)
    processes.publish(1, 5, b"first")
    processes.publish(1, 7, b"second, and longer")
    processes.publish(2, 6, b"another's")

    assert (7, b"second, and longer") == processes.published(1)
    assert (6, b"another's") == processes.published(2)


def test_who_published_nothing_has_no_figures():
    assert Processes(1).published(1) is None


def test_a_process_that_is_killed_while_it_publishes_leaves_its_last_figures():
    """Everything is written but the number that makes it count."""
    processes = Processes(1)
    processes.publish(1, 5, b"complete")
    processes.publish(1, 6, b"cut short")
    processes.fields(1)[PUBLISHED] -= 1

    assert (5, b"complete") == processes.published(1)


def test_figures_that_are_overwritten_while_they_are_read_are_not_believed():
    processes = Processes(1)
    processes.publish(1, 5, b"complete")
    processes.publish(1, 6, b"torn")
    processes.publish(1, 7, b"torn")
    processes.fields(1)[PUBLISHED] = 4  # As if a place had been written only in part.
    processes.publish(1, 8, b"whole")

    assert (8, b"whole") == processes.published(1)
    processes.fields(1)[PUBLISHED] = 7
    processes._bytes[processes._place(1, 7) + FIGURES_HEAD_BYTES] ^= 1

    assert processes.published(1) is None


def test_figures_without_room_are_refused():
    processes = Processes(1)
    processes.publish(1, 1, b"x" * (FIGURES_BYTES_MAX - FIGURES_HEAD_BYTES))

    with pytest.raises(ValueError, match="bytes of figures"):
        processes.publish(1, 2, b"x" * (FIGURES_BYTES_MAX - FIGURES_HEAD_BYTES + 1))
    assert 1 == processes.published(1).collected


def test_where_there_are_few_connections_nobody_may_be_ahead():
    one, other = started(Processes(2))
    leads = [(one.lead(), other.lead())]
    for process in (one, other, other, other):
        process.entered()
        leads.append((one.lead(), other.lead()))

    assert [(0, 0), (1, 0), (0, 0), (0, 1), (0, 2)] == leads


def test_where_there_are_many_a_part_of_them_is_no_lead():
    one, other = started(Processes(2))
    for _ in range(80):
        other.entered()
    for _ in range(80 + 80 // LEAD_FRACTION):
        one.entered()
    before = one.lead()
    one.entered()

    assert (0, 1) == (before, one.lead())


def test_who_is_gone_is_nobody_to_wait_for():
    one, other = started(Processes(2))
    one.entered()
    before = one.lead()
    other.say_gone()

    assert (1, 0) == (before, one.lead())
    assert not one.processes.is_there(2)


def test_connections_of_a_process_that_says_it_is_gone_are_not_counted():
    """They end one by one while it stops."""
    (one,) = started(Processes(1))
    one.entered()
    one.say_gone()
    one.left()

    assert not one.processes.is_there(1)


def test_what_others_take_is_seen():
    one, other = started(Processes(2))
    before = one.taken_by_others()
    other.entered()
    other.left()

    assert before + 1 == one.taken_by_others()
    assert 0 == other.taken_by_others()


def test_a_start_in_the_place_of_another_is_a_restart():
    processes = Processes(2)
    started(processes)
    before = processes.restarts()
    Process(processes, 2)

    assert (0, 1) == (before, processes.restarts())


def test_ringing_many_times_neither_blocks_nor_fails():
    processes = Processes(2)
    for _ in range(100_000):
        processes.ring(2)
    readable, _, _ = select.select([processes.bell(1), processes.bell(2)], [], [], 0)

    assert [processes.bell(2)] == readable
    while select.select([processes.bell(2)], [], [], 0)[0]:
        assert os.read(processes.bell(2), 65536)


def test_a_process_that_hangs_is_named_by_the_others():
    one, other = started(Processes(2))
    before = one.fault_of_others()
    one.processes.fields(2)[SEEN] -= SILENCE_NS_MAX + 1

    assert before is None
    assert one.fault_of_others().startswith("worker 2 has answered nobody for 5 seconds")
    assert other.fault_of_others() is None
    other.say_seen()
    assert one.fault_of_others() is None
