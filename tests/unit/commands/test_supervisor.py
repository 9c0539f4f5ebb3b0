"""The supervisor of worker processes. It forks, so each test lets it run in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from magnetodb.commands.supervisor import PAUSE_SECONDS, pause_seconds

SECONDS_MAX = 20

PROGRAM = """
import logging, os, select, signal, sys, threading, time
from magnetodb.commands import supervisor
from magnetodb.commands.supervisor import Supervisor, SupervisorError

logging.basicConfig(level="INFO", format="%(message)s")

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def signals():
    # A list, not an Event: a signal may interrupt the code that holds the Event's lock.
    came = []
    for number in supervisor.FORWARDED:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, frame: came.append(number))
    return came

def serve(number, parent, *, first):
    came = signals()
    say("worker", number, os.getpid(), "first" if first else "not first")
    parent.watch(lambda: say("orphan", number))
    parent.say_ready(f"text of {number}")
    while not came:
        select.select([], [], [], 0.01)
    say("ends", number)
    return 0

{changes}

supervised = Supervisor(
    2, serve, stop_seconds=1, gone=lambda number: say("gone", number), refuse_clients=lambda: say("refuses")
)
try:
    code = supervised.run(lambda text: say("announced", text))
except SupervisorError as error:
    say("error", error)
    code = 3
say("code", code)
sys.exit(code)
"""


class Supervised:
    """A supervisor with two workers, and the lines that they all write."""

    def __init__(self, changes="", **keywords):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.replace("{changes}", changes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **keywords,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, pattern, times=1):
        """The matches of lines, when there are so many."""
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            found = [match for line in list(self.lines) if (match := re.search(pattern, line))]
            if len(found) >= times:
                return found
            assert time.monotonic() < deadline, (pattern, self.lines)
            threading.Event().wait(0.01)

    def pid(self, number, start=1):
        """The process of a worker, as of its so many-th start."""
        return int(self.wait_for(rf"^worker {number} (\d+)", start)[start - 1][1])

    def end(self):
        """Its exit code, when all that had its output open are gone."""
        code = self.process.wait(SECONDS_MAX)
        self._reader.join(SECONDS_MAX)
        return code


@pytest.fixture
def supervised():
    """supervised(changes="", **keywords of Popen) -> Supervised."""
    running = []

    def start(changes="", **keywords):
        running.append(Supervised(changes, **keywords))
        return running[-1]

    yield start
    for each in running:
        each.process.kill()
        each.process.wait()


def test_it_says_that_it_serves_when_all_do_and_the_first_was_alone(supervised):
    each = supervised()
    each.wait_for("^announced")
    each.process.send_signal(signal.SIGTERM)

    assert 0 == each.end()
    kinds = [re.sub(r"\d{2,}", "PID", line) for line in each.lines]
    assert ["worker 1 PID first", "worker 2 PID not first", "announced text of 1", "refuses"] == kinds[:4]
    assert {"ends 1", "ends 2", "gone 1", "gone 2"} == set(kinds[4:-1])
    assert "code 0" == kinds[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it(supervised, number):
    each = supervised()
    each.wait_for("^announced")
    each.process.send_signal(number)

    assert 0 == each.end()
    assert 2 == len(each.wait_for("^ends"))


def test_a_terminal_that_goes_away_does_not_end_it_under_nohup(supervised):
    each = supervised(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    each.wait_for("^announced")
    for pid in (each.process.pid, each.pid(1), each.pid(2)):
        os.kill(pid, signal.SIGHUP)
    os.kill(each.pid(2), signal.SIGKILL)
    each.wait_for("^worker 2", 2)
    each.process.send_signal(signal.SIGTERM)

    assert 0 == each.end()
    assert 2 == len(each.wait_for("^worker 2"))
    assert 1 == len(each.wait_for("^worker 1"))


def test_a_worker_that_dies_is_started_again(supervised):
    each = supervised()
    each.wait_for("^announced")
    os.kill(each.pid(2), signal.SIGKILL)
    again = each.pid(2, start=2)
    each.process.send_signal(signal.SIGTERM)

    assert 0 == each.end()
    assert again != each.pid(2)
    assert [f"Worker 2 (process {each.pid(2)}) was ended by SIGKILL"] == [
        line for line in each.lines if line.startswith("Worker")
    ]
    assert 2 == len(each.wait_for("not first"))


def test_one_started_when_no_other_is_alive_is_told_so(supervised):
    each = supervised()
    each.wait_for("^announced")
    each.process.send_signal(signal.SIGSTOP)
    for number in (1, 2):
        os.kill(each.pid(number), signal.SIGKILL)
        while ") Z " not in Path(f"/proc/{each.pid(number)}/stat").read_text():
            pass
    each.process.send_signal(signal.SIGCONT)
    each.wait_for("^worker", 4)
    each.process.send_signal(signal.SIGTERM)

    assert 0 == each.end()
    assert 2 == len(each.wait_for(r"^worker \d \d+ first$"))


def test_when_the_supervisor_dies_its_workers_end(supervised):
    each = supervised("supervisor.ORPHAN_SECONDS = 0.2")
    each.wait_for("^announced")
    each.process.kill()

    assert -signal.SIGKILL == each.end()
    assert 2 == len(each.wait_for("^orphan"))


def test_a_worker_that_does_not_end_is_killed(supervised):
    each = supervised(
        """
supervisor.CLOSE_SECONDS = 0.2

def serve(number, parent, *, first):
    for each in supervisor.FORWARDED:
        signal.signal(each, signal.SIG_IGN)
    parent.say_ready("")
    threading.Event().wait()
"""
    )
    each.wait_for("^announced")
    each.process.send_signal(signal.SIGTERM)

    assert 1 == each.end()
    assert {"1", "2"} == {match[1] for match in each.wait_for(r"^Worker (\d) .* does not end and is killed$", 2)}


def test_a_start_that_fails_ends_it_with_the_workers_sentence(supervised):
    each = supervised(
        """
def serve(number, parent, *, first, serve=serve):
    if number == 1:
        return serve(number, parent, first=first)
    parent.say_failed("The file is not ours.")
    return 1
"""
    )

    assert 3 == each.end()
    assert 1 == len(each.wait_for("^error The file is not ours.$"))
    assert 1 == len(each.wait_for("^ends 1$"))
    assert not any("announced" in line for line in each.lines)


def test_where_no_start_succeeds_it_gives_up(supervised):
    each = supervised(
        """
supervisor.PAUSE_SECONDS = (0.01, 0.02)

def serve(number, parent, *, first):
    say("tries", number)
    raise ValueError("a bug")
"""
    )

    assert 3 == each.end()
    assert 5 == len(each.wait_for("^tries"))
    assert 5 == len(each.wait_for("^ValueError: a bug$"))


def test_one_that_cannot_be_started_again_does_not_end_the_others(supervised):
    """It is tried for as long as another one serves."""
    each = supervised(
        """
import mmap

supervisor.PAUSE_SECONDS = (0.01, 0.02)
supervisor.FAILED_STARTS_MAX = 3
starts = mmap.mmap(-1, 1)

def serve(number, parent, *, first, serve=serve):
    if number == 2:
        starts[0] += 1
        if starts[0] > 1:
            parent.say_failed("Not again.")
            return 1
    return serve(number, parent, first=first)
"""
    )
    each.wait_for("^announced")
    os.kill(each.pid(2), signal.SIGKILL)
    each.wait_for(r"^Worker 2 \(process \d+\) ended with exit code 1: Not again.$", 6)
    each.process.send_signal(signal.SIGTERM)

    assert 0 == each.end()
    assert 1 == len(each.wait_for("^ends 1$"))


def test_pauses_between_starts_grow_up_to_a_bound():
    first, longest = PAUSE_SECONDS

    assert [0.0, first, 2 * first, 4 * first] == [pause_seconds(deaths) for deaths in (1, 2, 3, 4)]
    assert longest == pause_seconds(1000)
