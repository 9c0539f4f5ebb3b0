"""Turns among processes. The locks belong to open files, so two locks in one process are as good as two processes."""

import os
import signal
import subprocess
import sys
from threading import Thread

import pytest

from magnetodb.errors import DataFileError
from magnetodb.storage.writer_lock import (
    LAST_TURN,
    MEMORY_BYTES,
    ROW_MARKS,
    WORKERS_NAME,
    WriterLock,
    is_shared,
)


@pytest.fixture
def made():
    """All locks, closed at the end."""
    locks = []
    yield locks
    for lock in locks:
        lock.close()


@pytest.fixture
def lock(tmp_path, made):
    """lock() -> another process's."""

    def new():
        made.append(WriterLock(tmp_path))
        return made[-1]

    return new


class Waiting(Thread):
    """Waits for its turn, and then tells its name."""

    def __init__(self, lock, name, told):
        super().__init__(daemon=True)
        self.lock, self.told = lock, told
        self.name = name
        self.first = lock.enter()
        self.start()

    def run(self):
        if not self.first:
            self.lock.wait()
        self.told.append(self.name)
        self.lock.leave()


def test_a_turn_is_had_at_once_when_nobody_has_it(lock):
    first, second = lock(), lock()

    assert first.enter()
    first.leave()

    assert second.enter()
    second.leave()

    assert first.enter()


def test_one_at_a_time(lock):
    first, second = lock(), lock()
    assert first.enter()

    assert not second.enter()

    first.leave()
    second.wait()

    assert not first.enter()


def test_turns_are_had_in_the_order_in_which_they_were_asked_for(lock):
    first = lock()
    first.enter()
    told = []
    waiting = [Waiting(lock(), name, told) for name in "abcdefgh"]
    first.leave()
    for thread in waiting:
        thread.join(10)

    assert list("abcdefgh") == told


def test_turns_are_numbered_in_their_order(lock):
    first, second = lock(), lock()
    numbers = []
    for _ in range(3):
        for each in (first, second):
            each.enter()
            numbers.append(each.turn)
            each.leave()

    assert sorted(set(numbers)) == numbers
    assert (0, 0) == (first.turn, second.turn)
    assert numbers[-1] == first.memory[LAST_TURN]


def test_who_has_a_turn_and_asks_no_more_hinders_nobody(lock):
    """A turn that was asked for and not had is given back like one that was had."""
    first, second, third = lock(), lock(), lock()
    first.enter()
    assert not second.enter()
    assert not third.enter()
    second.leave()
    first.leave()
    third.wait()

    assert third.turn


@pytest.mark.parametrize("waiting", [False, True], ids=["in its turn", "in the queue"])
def test_who_is_killed_hinders_nobody(tmp_path, lock, waiting):
    """The next in the queue has the turn, and so has the one behind a process that was killed while it waited."""
    code = (
        "import pathlib, sys, signal; from magnetodb.storage.writer_lock import WriterLock\n"
        "lock = WriterLock(pathlib.Path(sys.argv[1])); print(lock.enter(), flush=True); signal.pause()"
    )
    first, last = lock(), lock()
    if waiting:
        first.enter()
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
    assert f"{not waiting}\n" == process.stdout.readline()
    assert not last.enter()
    told = []
    thread = Thread(target=lambda: (last.wait(), told.append("had")), daemon=True)
    thread.start()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    if waiting:
        assert [] == told
        first.leave()
    thread.join(10)

    assert ["had"] == told


def test_each_has_a_number_of_its_own(lock, made):
    numbers = [lock().owner for _ in range(5)]
    made.pop(2).close()

    assert [0, 1, 2, 3, 4] == numbers
    assert 2 == lock().owner
    assert 5 == lock().owner


def test_a_number_is_kept_through_turns(lock):
    first, second = lock(), lock()
    first.enter()
    first.leave()

    assert (0, 1, 2) == (first.owner, second.owner, lock().owner)


def test_only_one_empties_dropped_tables_and_turns_do_not_end_that(lock):
    first, second = lock(), lock()
    assert first.empty_dropped_tables()
    first.enter()
    first.leave()

    assert not second.empty_dropped_tables()

    first.stop_emptying()

    assert second.empty_dropped_tables()


def test_memory_is_shared_and_empty_for_who_comes_first(tmp_path, lock, made):
    first, second = lock(), lock()
    first.memory[ROW_MARKS + 5] = 7
    assert 7 == second.memory[ROW_MARKS + 5]
    while made:
        made.pop().close()

    assert 0 == lock().memory[ROW_MARKS + 5]
    assert MEMORY_BYTES == (tmp_path / WORKERS_NAME).stat().st_size


def test_who_comes_later_leaves_the_memory_as_it_is(lock):
    first = lock()
    first.memory[ROW_MARKS] = 7

    assert 7 == lock().memory[ROW_MARKS]


def test_whether_anybody_is_there_is_known(tmp_path, lock, made):
    assert not is_shared(tmp_path)
    lock()
    assert is_shared(tmp_path)
    made.pop().close()

    assert not is_shared(tmp_path)


def test_a_file_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / WORKERS_NAME).mkdir()

    with pytest.raises(DataFileError, match="cannot be used: Is a directory"):
        WriterLock(tmp_path)


def test_closing_another_descriptor_of_the_file_ends_no_turn(tmp_path, lock):
    """It would with the locks that belong to the process."""
    first, second = lock(), lock()
    first.enter()
    os.close(os.open(tmp_path / WORKERS_NAME, os.O_RDWR))

    assert not second.enter()
