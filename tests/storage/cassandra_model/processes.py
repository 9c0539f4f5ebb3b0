"""Processes whose every step is decided from outside: coroutines of the real code that wait for the answers to their
calls.

A process does nothing but what its answers make it do, so its state is the history of its answers, kept in a trie: what
it asks next is computed once for each history, however many worlds it is met in. A coroutine cannot be copied; where a
second branch leaves a history, the process is run again from its beginning.
"""

import asyncio
import heapq
import random
import uuid
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple

from magnetodb.storage.cassandra.session import Call, Kind, Result
from magnetodb.storage.cassandra.session_errors import CassandraError
from tests.storage.cassandra_model.cells import Hashed
from tests.storage.cassandra_model.fake_session import check_call, is_read, partition_read, statements_of
from tests.storage.cassandra_model.statements import parse

REQUESTS_MAX: Final = 400
"""A process that asks more often without an end is a bug, or waits for a time that does not come."""


RUN_SECONDS_MAX: Final = 1.0
"""A live coroutine that is older is run again: time-outs that the code measures in real time must not be met by
chance."""


class Answer(Hashed):
    """A Result or an error, hashable: `found` are items of dicts."""

    __slots__ = ("applied", "error", "found", "rows")

    def __init__(
        self,
        applied: bool | None = None,
        rows: tuple[tuple[Any, ...], ...] = (),
        found: tuple[tuple[tuple[str, Any], ...], ...] = (),
        error: type[CassandraError] | None = None,
    ) -> None:
        self.applied = applied
        self.rows = rows
        self.found = found
        self.error = error
        super().__init__((applied, rows, found, error))

    def value(self) -> Result | CassandraError:
        """As the session returns it."""
        if self.error is not None:
            return self.error()
        return Result(self.applied, self.rows, [dict(each) for each in self.found])


class Asked:
    """A call that a process waits for, with what the explorer needs of it. Two are equal if they are the same."""

    __slots__ = ("call", "conditional", "logged", "partition", "reads", "statements", "tables")

    def __init__(self, call: Call) -> None:
        check_call(call)
        self.call = call
        self.statements = statements_of(call)
        self.reads = is_read(call)
        self.conditional = call.kind is Kind.CONDITIONAL
        self.logged = call.kind is Kind.LOGGED
        self.tables = frozenset([parse(text).table for text, _ in self.statements])
        self.partition = partition_read(*self.statements[0]) if self.reads else None


class Request(NamedTuple):
    """Calls that a process waits for. `together`: it goes on when all are answered. `reads`: all of them read."""

    number: int
    calls: tuple[Asked, ...]
    together: bool
    reads: bool


Main = Callable[["SteppedSession"], Coroutine[Any, Any, Any]]


class Program(NamedTuple):
    """What a process runs, and what its clock says at the beginning, in microseconds. The clock goes on with its pauses
    only: time is one more thing that nothing else may depend on."""

    name: str
    main: Main
    clock: int


class Ended(NamedTuple):
    """What a process came to; `error` is what it raised."""

    result: Any
    error: str | None = None


class Moment:
    """A process after a history of answers: the requests that it waits for, or its end."""

    __slots__ = ("_answered", "_children", "_parent", "_program", "_run", "clock", "ended", "requests")

    def __init__(self, program: "Started", parent: "Moment | None", answered: "_Event | None", run: "_Run") -> None:
        self._program = program
        self._parent = parent
        self._answered = answered
        self._children: dict[_Event, Moment] = {}
        self._run: _Run | None = run
        self.requests = tuple(run.waiting[number].request for number in sorted(run.waiting))
        self.ended = run.ended
        self.clock = run.session.now()

    def after(self, number: int, answers: tuple[Answer, ...]) -> "Moment":
        """The moment when a request has been answered."""
        event = _Event(number, answers)
        found = self._children.get(event)
        if found is None:
            run = self._run
            self._run = None
            while True:
                if run is None:
                    run = self._again()
                run.answer(event)
                if run.age < RUN_SECONDS_MAX:
                    break
                run = None
            found = self._children[event] = Moment(self._program, self, event, run)
        return found

    def _again(self) -> "_Run":
        events_before = []
        moment: Moment | None = self
        while moment is not None and moment._answered is not None:
            events_before.append(moment._answered)
            moment = moment._parent
        run = _Run(self._program)
        for event in reversed(events_before):
            run.answer(event)
        return run


class Started(NamedTuple):
    """A program as the process of a number."""

    number: int
    program: Program

    def beginning(self) -> Moment:
        """The process before any answer."""
        return Moment(self, None, None, _Run(self))


class _Event(NamedTuple):
    number: int
    answers: tuple[Answer, ...]


class _Waiting(NamedTuple):
    request: Request
    future: "asyncio.Future[Any]"


class _Run:
    """A live coroutine of a program, and the loop that steps it."""

    def __init__(self, started: Started) -> None:
        self._loop = SteppedLoop()
        self._number = started.number
        self._began = monotonic()
        self.waiting: dict[int, _Waiting] = {}
        self.ended: Ended | None = None
        self.session = SteppedSession(self, self._loop, started)
        self._main = self._loop.run(lambda: started.program.main(self.session))
        self._step()

    @property
    def age(self) -> float:
        """In seconds of the real time, by which the code measures how long it has tried."""
        return monotonic() - self._began

    def answer(self, event: _Event) -> None:
        """Let the process go on until it waits again, or ends."""
        request, future = self.waiting.pop(event.number)
        if request.together:
            future.set_result([each.value() for each in event.answers])
        else:
            value = event.answers[0].value()
            if isinstance(value, CassandraError):
                future.set_exception(value)
            else:
                future.set_result(value)
        self._step()

    def _step(self) -> None:
        """Chance is the process's own, and the same in every run."""
        chance = random.getstate()
        random.seed(self._number)
        try:
            self._loop.step()
        finally:
            random.setstate(chance)
        if self._main.done():
            error = self._main.exception()
            if error is None:
                self.ended = Ended(self._main.result())
            elif isinstance(error, AssertionError | TypeError | NameError | AttributeError | LookupError | ValueError):
                raise error
            else:
                self.ended = Ended(None, type(error).__name__)


class SteppedSession:
    """See Session: calls wait until the process is told the answer."""

    def __init__(self, run: _Run, loop: "SteppedLoop", started: Started) -> None:
        self._run = run
        self._loop = loop
        self._clock = started.program.clock
        self._process = started.number
        self._uuids = 0
        self.requests = 0

    async def execute(self, call: Call) -> Result:
        """See Session."""
        result: Result = await self._ask((call,), False)
        return result

    async def execute_together(self, calls: Sequence[Call]) -> list[Result | CassandraError]:
        """See Session."""
        if not calls:
            return []
        results: list[Result | CassandraError] = await self._ask(tuple(calls), True)
        return results

    def now(self) -> int:
        """See Session."""
        return self._clock

    async def pause(self, seconds: float) -> None:
        """See Session: the process's clock goes on, and the others may act before its next call anyway."""
        self._clock += int(seconds * 1e6)
        self._count()

    def new_uuid(self) -> uuid.UUID:
        """Each process has its own, in order."""
        self._uuids += 1
        return uuid.UUID(int=((self._process + 1) << 64) + self._uuids, version=4)

    def _ask(self, calls: tuple[Call, ...], together: bool) -> "asyncio.Future[Any]":
        self._count()
        future: asyncio.Future[Any] = self._loop.create_future()
        number = self.requests
        asked = tuple([Asked(call) for call in calls])
        request = Request(number, asked, together, all(each.reads for each in asked))
        self._run.waiting[number] = _Waiting(request, future)
        return future

    def _count(self) -> None:
        self.requests += 1
        assert self.requests < REQUESTS_MAX, "a process goes on without an end"


class SteppedLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as futures, tasks and locks need; it runs when it is told to, and knows no time."""

    def __init__(self) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self._later: list[tuple[float, int, asyncio.TimerHandle]] = []

    def run(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> "asyncio.Task[Any]":
        """Begin a coroutine as a task."""
        return asyncio.Task(main(), loop=self)

    def step(self) -> None:
        """Run until nothing is ready."""
        running = events._get_running_loop()
        events._set_running_loop(self)
        try:
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            events._set_running_loop(running)

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:  # type: ignore[override]
        """Timers never go off."""
        handle = asyncio.TimerHandle(delay, callback, args, self, context)
        heapq.heappush(self._later, (delay, len(self._later), handle))
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> "asyncio.Task[Any]":  # type: ignore[override]
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def time(self) -> float:
        return 0.0

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task whose exception nobody looked at is a bug, but for those of processes that were thrown away."""
