import subprocess
import sys

import pytest

from tools.cassandra.process import Process

WAITS = [sys.executable, "-c", "input()", "a mark"]


@pytest.fixture
def child():
    with subprocess.Popen(WAITS, stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def test_a_process_is_known_again_from_a_file(child, tmp_path):
    Process.of(child.pid, "a mark").write(tmp_path / "pid")
    process = Process.read(tmp_path / "pid", "a mark")

    assert process == Process.of(child.pid, "a mark")
    assert process.is_alive()
    assert process.resident_bytes() > 0


def test_a_process_without_the_mark_is_another_one(child):
    assert not Process.of(child.pid, "another mark").is_alive()


def test_a_process_that_began_at_another_time_is_another_one(child):
    process = Process.of(child.pid, "a mark")

    assert not Process(child.pid, process.start_ticks - 1, "a mark").is_alive()


def test_a_process_that_has_ended_is_dead_even_before_it_is_reaped(child):
    process = Process.of(child.pid, "a mark")

    assert not process.wait(0)
    child.kill()
    assert process.wait(10)
    assert not process.is_alive()


def test_a_process_lives_as_long_as_its_last_thread():
    """A JVM that is killed keeps its ports until then."""
    program = "import ctypes, threading; threading.Thread(target=input).start(); ctypes.CDLL(None).pthread_exit(None)"
    with subprocess.Popen([sys.executable, "-c", program, "a mark"], stdin=subprocess.PIPE) as child:
        process = Process.of(child.pid, "a mark")
        while process.state() != "Z":
            assert not process.wait(0.02)

        assert process.is_alive()
        child.kill()
        assert process.wait(10)
        assert not process.is_alive()


@pytest.mark.parametrize("text", ["", "12", "a b", "1 2 3"])
def test_a_file_that_is_no_pid_file_is_nobody(tmp_path, text):
    (tmp_path / "pid").write_text(text)

    assert Process.read(tmp_path / "pid", "a mark") is None
