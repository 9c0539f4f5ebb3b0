"""A schedule has every fault, and is the same again."""

from collections import Counter

import pytest

from magnetodb.storage.cassandra.crash_points import STEPS, CrashPoint
from tests.faults.schedule import CRASH_POINT, KILL_NODE, KINDS, NODES, PAUSE_NODE, schedule, step_of


def test_a_seed_says_everything():
    assert schedule(1) == schedule(1)
    assert schedule(1) != schedule(2)


def test_every_kind_is_there_and_every_node_is_killed_and_paused():
    faults = schedule(3)

    assert set(KINDS) == {fault.kind for fault in faults}
    for kind in (KILL_NODE, PAUSE_NODE):
        assert [str(node) for node in NODES] == sorted(fault.target for fault in faults if fault.kind == kind)


def test_a_server_dies_before_and_after_every_step():
    points = [CrashPoint.parse(fault.target) for fault in schedule(4, only=[CRASH_POINT])]

    assert {(moment, step) for moment in ("before", "after") for step in STEPS} <= {point[:2] for point in points}


def test_recovery_comes_last():
    steps = [step_of(fault.target) for fault in schedule(5, only=[CRASH_POINT])]

    assert {"fence"} == set(steps[-steps.count("fence") :])


def test_rounds_repeat_the_kinds():
    assert Counter(fault.kind for fault in schedule(6, rounds=2)) == Counter(fault.kind for fault in 2 * schedule(6))


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_can_be_had_alone(kind):
    assert {kind} == {fault.kind for fault in schedule(7, only=[kind])}
