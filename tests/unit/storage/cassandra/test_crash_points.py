"""Crash points: how they are written, which calls they mean, and that the process is killed there."""

import subprocess
import sys

import pytest

from magnetodb.model.rows import ABSENT, Change
from magnetodb.storage.cassandra.clock import HybridClock
from magnetodb.storage.cassandra.commit import Committer
from magnetodb.storage.cassandra.crash_points import MOMENTS, STEPS, CrashingSession, CrashPoint, kill_this_process
from tests.unit.storage.cassandra.scripted import OTHERS, Cluster, Crash, item


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("after:item:3", CrashPoint("after", "item", 3)),
        ("before:intent", CrashPoint("before", "intent", 1)),
        *[(f"{moment}:{step}:1", CrashPoint(moment, step)) for moment in MOMENTS for step in STEPS],
    ],
)
def test_a_crash_point_is_parsed(text, point):
    assert point == CrashPoint.parse(text)


@pytest.mark.parametrize(
    "text", ["", "item", "after", "after:item:", "after:item:0", "since:item:1", "after:tea", "a:b:c:d"]
)
def test_what_is_no_crash_point_is_refused(text):
    with pytest.raises(ValueError, match="crash point"):
        CrashPoint.parse(text)


def crash():
    raise Crash


@pytest.mark.parametrize(
    ("point", "steps"),
    [
        ("before:item", "[intent slot]"),
        ("after:item", "[intent slot] item"),
        ("before:item:2", "[intent slot] item batch intent"),
        ("amid:intent", "[intent]"),
        ("after:batch:2", "[intent slot] item batch intent item batch"),
        ("after:lock", "[intent slot] item batch intent item batch"),
    ],
)
async def test_the_process_ends_there_and_nowhere_else(point, steps):
    cluster = Cluster()
    process = cluster.process()
    session = CrashingSession(process.session, CrashPoint.parse(point), crash)
    process.committer = Committer(session, HybridClock(process.session.now), process.tables)
    try:
        for value in (b"k:1", b"l:1"):
            await process.put(item(), value)
    except Crash:
        pass

    assert steps == process.steps


async def test_transactions_have_steps_of_their_own():
    cluster = Cluster()
    process = cluster.process()
    session = CrashingSession(process.session, CrashPoint.parse("amid:lock"), crash)
    process.committer = Committer(session, HybridClock(process.session.now), process.tables)
    keys = [item(b"%d" % each, OTHERS) for each in range(2)]
    with pytest.raises(Crash):
        await process.committer.commit([tuple(Change(key, ABSENT, b"x") for key in keys)])

    assert [True, False] == [cluster.row(key).ltx is not None for key in keys]


def test_the_process_is_killed():
    code = f"from {kill_this_process.__module__} import kill_this_process; kill_this_process(); print('alive')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert (-9, b"") == (ended.returncode, ended.stdout)
