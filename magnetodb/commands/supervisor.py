"""Runs several worker processes: forks them, starts those anew that die, hands signals on, and waits for their ends.

The supervisor has one thread and opens nothing that must not be forked. When it dies itself, the workers see the end of
a pipe that only it held open, and end too.
"""

import contextlib
import gc
import logging
import os
import selectors
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Final, NoReturn, Protocol

FORWARDED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""A worker that gets one of these finishes what is in hand and ends. SIGHUP only where it is not ignored (nohup)."""

STEADY_SECONDS: Final = 10.0
"""Who dies after having served for so long is started again at once."""

PAUSE_SECONDS: Final = (0.1, 5.0)
"""Before another start where that was not so: the first pause, doubled each time up to the last."""

FAILED_STARTS_MAX: Final = 5
"""When so many starts in a row have failed and nobody serves, the supervisor gives up."""

CLOSE_SECONDS: Final = 15.0
"""How long a worker may take to close beyond the time for its requests; then it is killed."""

ORPHAN_SECONDS: Final = 2.0
"""A worker without a supervisor ends by force after so long."""

MESSAGE_BYTES_MAX: Final = 64 * 1024
READY: Final = b"+"
FAILED: Final = b"-"

_log = logging.getLogger(__name__)


class Parent:
    """The supervisor, as a worker sees it."""

    def __init__(self, report: int, lifeline: int) -> None:
        self._report = report
        self._lifeline = lifeline

    def say_ready(self, text: str) -> None:
        """The worker serves. The text of the first one is what the supervisor says at its start."""
        self._say(READY, text)

    def say_failed(self, sentence: str) -> None:
        """The worker cannot serve, and why. It ends."""
        self._say(FAILED, sentence)

    def watch(self, end: Callable[[], object]) -> None:
        """Call `end` in another thread when the supervisor has died. ORPHAN_SECONDS later the process is gone."""
        threading.Thread(target=self._watch, args=(end,), name="lifeline", daemon=True).start()

    def _watch(self, end: Callable[[], object]) -> None:
        os.read(self._lifeline, 1)
        with contextlib.suppress(RuntimeError):  # Of a loop that has ended already.
            end()
        time.sleep(ORPHAN_SECONDS)
        os._exit(1)

    def _say(self, kind: bytes, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._report, kind + text.encode()[: MESSAGE_BYTES_MAX - 1])
        os.close(self._report)


class Serve(Protocol):
    """What a worker does in its own process."""

    def __call__(self, number: int, parent: Parent, *, first: bool) -> int:
        """Serve until a signal comes, and return the exit code. `first`: no other worker is alive."""


class Child:
    """One worker as its supervisor sees it. Its number stays, its process changes."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.ready = False
        self.report = -1
        self.said = b""
        self.began = 0.0
        self.deaths = 0
        """In a row, each soon after its start."""
        self.start_at: float | None = None
        """When it is to be started; None: it runs, or never again."""


class SupervisorError(Exception):
    """The service cannot start, or cannot go on; the message is a sentence for the operator."""


class Supervisor:
    """`count` workers, numbered from 1, each of which runs `serve`.

    `gone` is told the number of each that has ended; `refuse_clients` is called when the service ends. `run` may be
    called once, in the main thread of a process that has no other.
    """

    def __init__(
        self,
        count: int,
        serve: Serve,
        *,
        stop_seconds: float,
        gone: Callable[[int], None],
        refuse_clients: Callable[[], None],
    ) -> None:
        self._children = [Child(number) for number in range(1, count + 1)]
        self._serve = serve
        self._stop_seconds = stop_seconds
        self._gone = gone
        self._refuse_clients = refuse_clients
        self._lifeline = os.pipe()
        self._wake = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []
        self._announced = False
        self._failed_starts = 0
        self._kill_at: float | None = None
        """Set when the service ends."""
        self._failure = ""
        self._code = 0

    def run(self, announce: Callable[[str], None]) -> int:
        """Start all workers, `announce` what the first one says when all of them serve, and keep them running until a
        signal. Returns the exit code: 0, or 1 where a worker did not end as it should. Raises SupervisorError where one
        cannot be started at first, and where none can be later."""
        self._listen_to_signals()
        # What is there now stays, and is shared with the workers: their collectors must not touch it.
        gc.freeze()
        # The first one alone: it puts in order what a crash left behind.
        self._children[0].start_at = time.monotonic()
        while self._kill_at is None or any(child.pid for child in self._children):
            self._start_those_due()
            self._wait()
            self._reap()
            while self._signals:
                self._stop(self._signals.pop())
            if self._kill_at is not None:
                self._kill_those_late()
            elif not self._announced and self._children[0].ready:
                self._go_on_with_the_start(announce)
        if self._failure:
            raise SupervisorError(self._failure)
        return self._code

    def _listen_to_signals(self) -> None:
        reading, writing = self._wake
        for end in self._wake:
            os.set_blocking(end, False)
        self._selector.register(reading, selectors.EVENT_READ)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in FORWARDED:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda number, frame: self._signals.append(number))

    def _go_on_with_the_start(self, announce: Callable[[str], None]) -> None:
        """The first one serves: start the others, then say so."""
        for child in self._children:
            if not child.pid and not child.deaths and child.start_at is None:
                child.start_at = time.monotonic()
        if all(child.ready for child in self._children):
            self._announced = True
            announce(self._children[0].said[1:].decode())

    def _start_those_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.start_at is not None and child.start_at <= now:
                child.start_at = None
                self._start(child)

    def _start(self, child: Child) -> None:
        first = not any(other.pid for other in self._children)
        child.began, child.ready, child.said = time.monotonic(), False, b""
        child.report, writing = os.pipe()
        os.set_blocking(child.report, False)
        sys.stdout.flush()
        sys.stderr.flush()
        # Or a signal could reach the new process before it has given up its parent's way of treating it.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        try:
            child.pid = os.fork()
            if child.pid == 0:
                self._become(child.number, writing, blocked, first=first)
        except OSError as error:
            _log.error("Worker %d cannot be started: %s", child.number, error.strerror)
            os.close(child.report)
            child.report = -1
            self._note_death(child)
            return
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            os.close(writing)
        self._selector.register(child.report, selectors.EVENT_READ, child)

    def _become(self, number: int, report: int, blocked: Iterable[int], *, first: bool) -> NoReturn:
        """The new process: it ends here and never returns to the supervisor's work."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for each in (signal.SIGCHLD, *FORWARDED):
                if signal.getsignal(each) != signal.SIG_IGN:
                    signal.signal(each, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            self._selector.close()
            for end in (*self._wake, self._lifeline[1], *[each.report for each in self._children if each.report >= 0]):
                os.close(end)
            code = self._serve(number, Parent(report, self._lifeline[0]), first=first)
        except BaseException:  # The one place where a worker's bug ends; its supervisor starts another one.
            traceback.print_exc()
        finally:
            logging.shutdown()
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _wait(self) -> None:
        """Until a signal or a report comes, or something is due."""
        due = [child.start_at for child in self._children if child.start_at is not None]
        if self._kill_at is not None:
            due.append(self._kill_at)
        seconds = max(0.0, min(due) - time.monotonic()) if due else None
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
            else:
                self._hear(key.data)

    def _hear(self, child: Child) -> None:
        """A worker reports; it closes its end when it has said what it has to say."""
        try:
            part = os.read(child.report, MESSAGE_BYTES_MAX)
        except BlockingIOError:
            return
        child.said += part
        if not part:
            self._selector.unregister(child.report)
            os.close(child.report)
            child.report = -1
            if child.said.startswith(READY):
                child.ready = True
                self._failed_starts = 0

    def _reap(self) -> None:
        """Note who has ended, until nobody else has: whoever is started next is told rightly that nobody is alive."""
        while any(tuple(map(self._reap_one, self._children))):
            pass

    def _reap_one(self, child: Child) -> bool:
        pid, status = os.waitpid(child.pid, os.WNOHANG) if child.pid else (0, 0)
        if pid:
            while child.report >= 0:  # It has ended, so its report has an end.
                self._hear(child)
            child.pid = 0
            self._gone(child.number)
            self._note_end(child, pid, os.waitstatus_to_exitcode(status))
        return pid != 0

    def _note_end(self, child: Child, pid: int, code: int) -> None:
        if self._kill_at is not None:
            if code and not (-code in FORWARDED and not child.ready):
                self._code = 1
            return
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        sentence = child.said[1:].decode() if child.said.startswith(FAILED) else ""
        if sentence and not self._announced:
            self._give_up(sentence)
            return
        _log.error("Worker %d (process %d) %s%s", child.number, pid, how, f": {sentence}" if sentence else "")
        self._note_death(child)

    def _note_death(self, child: Child) -> None:
        """Have it started again, at once or after a pause; or give up."""
        if child.ready and time.monotonic() - child.began >= STEADY_SECONDS:
            child.deaths = 0
        child.deaths += 1
        if not child.ready:
            self._failed_starts += 1
        child.ready = False
        child.start_at = time.monotonic() + pause_seconds(child.deaths)
        if self._failed_starts >= FAILED_STARTS_MAX and not any(other.ready for other in self._children):
            self._give_up("no worker process can be started; what it said is above")

    def _give_up(self, sentence: str) -> None:
        self._failure = sentence
        self._stop(signal.SIGTERM)

    def _stop(self, number: int) -> None:
        """Hand a signal on, and start nothing any more."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._stop_seconds + CLOSE_SECONDS
            self._refuse_clients()
        for child in self._children:
            child.start_at = None
            if child.pid:
                os.kill(child.pid, number)

    def _kill_those_late(self) -> None:
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill_at += CLOSE_SECONDS
            for child in self._children:
                if child.pid:
                    _log.error("Worker %d (process %d) does not end and is killed", child.number, child.pid)
                    os.kill(child.pid, signal.SIGKILL)


def pause_seconds(deaths: int) -> float:
    """Before the start that follows so many deaths in a row."""
    first, longest = PAUSE_SECONDS
    pause: float = min(first * 2 ** min(deaths - 2, 20), longest)
    return 0.0 if deaths < 2 else pause
