"""All that can happen next: a world is a database, what is on its way to it, and processes; its successors are the
answers that Cassandra may give, the deliveries that it may make, and the crashes that may come.

What is on its way either must arrive (a batch that the batchlog has) or may (what was sent before a time-out or a
crash). Both arrive at any later moment, mutation by mutation, in any order. A mutation that arrives twice changes
nothing (cells.py), so it arrives once here; of a lightweight transaction that is sent again after a time-out, the first
copy may still arrive, whose conditions are compared then.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from magnetodb.storage.cassandra.session_errors import (
    BatchInLog,
    BatchLogUnreached,
    CassandraError,
    OutcomeUnknown,
)
from tests.storage.cassandra_model.cells import Hashed
from tests.storage.cassandra_model.database import Database
from tests.storage.cassandra_model.fake_session import BALLOT_FIRST
from tests.storage.cassandra_model.processes import Answer, Asked, Ended, Moment, Program, Request, Started
from tests.storage.cassandra_model.terms import Values
from tests.storage.cassandra_model.writes import Mutation, Statements

SECOND: Final = 1_700_000_000
"""The second of Cassandra's clock, which stands still: no TTL ends."""

READS_TOGETHER_MAX: Final = 4
"""More reads side by side than these are served in one step."""

WITHOUT_END: Final = 1_000
"""So many crashes: they are not counted."""


class OnItsWay(Hashed):
    """A mutation or a lightweight transaction that has left its process."""

    __slots__ = ("certain", "what")

    def __init__(self, what: "Mutation | Statements", certain: bool) -> None:
        self.what = what
        self.certain = certain
        super().__init__((what, certain))


class Logged(NamedTuple):
    """A batch whose process waits until all of it has arrived."""

    mutations: frozenset[Mutation]


class Process(NamedTuple):
    """A process that lives: its moment, which of the calls that it waits for have been served, and which processes had
    ended when it began (None: it has not)."""

    moment: Moment
    served: tuple[tuple[int, int, Answer | Logged], ...] = ()
    began_after: frozenset[int] | None = None


class Crashed(NamedTuple):
    """A process that is no more."""


class Finished(NamedTuple):
    """A process that has come to its end."""

    ended: Ended
    began_after: frozenset[int] | None


CRASHED: Final = Crashed()

State = Process | Crashed | Finished


class World(NamedTuple):
    """Everything. `crashes` and `faults` are how many more of them there may be."""

    database: Database
    on_its_way: frozenset[OnItsWay]
    processes: tuple[State, ...]
    crashes: int
    faults: int

    @property
    def quiet(self) -> bool:
        """No process does anything any more."""
        return not any(type(each) is Process for each in self.processes)


class Event(NamedTuple):
    """What led from one world to the next. `crash`: the process crashes then."""

    what: str
    process: int | None
    subject: object = None
    crash: bool = False


class Rules(NamedTuple):
    """What may happen, and what needs not be told apart.

    `readers`: which processes read a table; one that is not named is read by all. What is sent to a table while none of
    its readers lives arrives at once, and a call that is about such tables alone is made before anything else: nobody
    can tell when it was. `still`: partitions that nobody writes: reading them takes no step.
    `in_order`: calls side by side are served in the order in which they were made. `crashing`: which processes may
    crash (None: all).
    """

    readers: Mapping[str, frozenset[int]] = {}
    still: frozenset[tuple[str, Values]] = frozenset()
    in_order: bool = True
    crashing: frozenset[int] | None = None


Step = tuple[Event, World]


def beginning(database: Database, programs: tuple[Program, ...], *, crashes: int, faults: int) -> World:
    """The world before any process has done anything."""
    processes = [Process(Started(number, program).beginning()) for number, program in enumerate(programs)]
    return World(database, frozenset(), tuple(processes), crashes, faults)


class Possibilities:
    """What may happen in worlds, by rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._databases: dict[Database, Database] = {}
        self._arrivals: dict[tuple[Database, OnItsWay], Database] = {}
        self._reads: dict[tuple[Database, Asked], Answer] = {}
        self._decisions: dict[tuple[Database, Asked], tuple[Database, Answer]] = {}
        self._writes: dict[Asked, tuple[Mutation, ...]] = {}

    def successors(self, world: World) -> Iterator[Step]:
        """Every world that may come next; but of those that differ only in the order of what nobody can tell, one."""
        for number, process in enumerate(world.processes):
            if type(process) is Process:
                for request in process.moment.requests:
                    if self._is_private(world, number, request):
                        yield from self._process_steps(world, number, process)
                        return
        for each in world.on_its_way:
            # When nobody does anything any more, the order of what is certain to arrive does not matter.
            if not each.certain or not world.quiet:
                yield Event("arrives", None, each.what), self._arrived(world, each)
        for number, process in enumerate(world.processes):
            if type(process) is Process:
                yield from self._process_steps(world, number, process)

    def _process_steps(self, world: World, number: int, process: Process) -> Iterator[Step]:
        """Each next step of a process, and the same with a crash after it: later, but before its next step, the crash
        would be the same to everybody else."""
        crashing = self._rules.crashing
        may_crash = world.crashes and (crashing is None or number in crashing)
        for event, after in self._steps(world, number, process):
            yield event, after
            if may_crash and type(after.processes[number]) is Process:
                yield event._replace(crash=True), self._crashed(after, number)

    def _steps(self, world: World, number: int, process: Process) -> Iterator[Step]:
        served = {(request, index) for request, index, _ in process.served}
        for request in process.moment.requests:
            if request.reads and len(request.calls) > READS_TOGETHER_MAX:
                yield Event("reads", number, request), self._read_together(world, number, request)
                continue
            for index, asked in enumerate(request.calls):
                if (request.number, index) not in served:
                    for what, after, told in self._outcomes(world, number, asked):
                        yield Event(what, number, asked), self._told(after, number, request, index, told)
                    if self._rules.in_order or request.reads:
                        break

    def _same(self, database: Database) -> Database:
        """The first one of those that are equal: then worlds are compared faster."""
        return self._databases.setdefault(database, database)

    # What nobody can tell.

    def _is_private(self, world: World, number: int, request: Request) -> bool:
        """No other process that lives ever looks at what the request is about, nor writes what it reads."""
        if request.reads or not self._rules.readers:
            return False
        return all(
            not asked.conditional
            and not asked.logged
            and all(self._unseen(world, table, number) for table in asked.tables)
            for asked in request.calls
        )

    def _unseen(self, world: World, table: str, writer: int | None = None) -> bool:
        """No process that lives, but for the writer, reads the table."""
        readers = self._rules.readers.get(table)
        if readers is None:
            return False
        return not any(type(world.processes[each]) is Process for each in readers if each != writer)

    def _is_still(self, request: Request) -> bool:
        still = self._rules.still
        return bool(still) and all(
            asked.reads and asked.partition is not None and asked.partition in still for asked in request.calls
        )

    # Steps.

    def _arrived(self, world: World, each: OnItsWay) -> World:
        database, on_its_way, processes, crashes, faults = world
        after = self._arrivals.get((database, each))
        if after is None:
            if isinstance(each.what, Mutation):
                after = self._same(database.with_mutations((each.what,)))
            else:
                after = self._same(_conditional(database, each.what)[0])
            self._arrivals[database, each] = after
        return self._acknowledged(World(after, on_its_way - {each}, processes, crashes, faults))

    def _crashed(self, world: World, number: int) -> World:
        crashes = world.crashes if world.crashes == WITHOUT_END else world.crashes - 1
        return self._settled(_with_process(world, number, CRASHED)._replace(crashes=crashes))

    def _read_together(self, world: World, number: int, request: Request) -> World:
        answers = tuple([self._read(world.database, asked) for asked in request.calls])
        process = _begun(world, number)
        return self._going(
            world, number, Process(process.moment.after(request.number, answers), (), process.began_after)
        )

    def _outcomes(self, world: World, number: int, asked: Asked) -> "Iterator[Outcome]":
        """What a call may come to."""
        if asked.reads:
            return self._read_outcomes(world, asked)
        if asked.conditional:
            return self._conditional_outcomes(world, asked)
        return self._write_outcomes(world, number, asked)

    def _read(self, database: Database, asked: Asked) -> Answer:
        known = self._reads.get((database, asked))
        if known is None:
            ((text, values),) = asked.statements
            known = self._reads[database, asked] = Answer(None, database.rows(text, values, SECOND))
        return known

    def _read_outcomes(self, world: World, asked: Asked) -> "Iterator[Outcome]":
        yield "reads", world, self._read(world.database, asked)
        if world.faults:
            yield "fails to read", world._replace(faults=world.faults - 1), Answer(error=OutcomeUnknown)

    def _conditional_outcomes(self, world: World, asked: Asked) -> "Iterator[Outcome]":
        known = self._decisions.get((world.database, asked))
        if known is None:
            database, told = _conditional(world.database, asked.statements)
            known = self._decisions[world.database, asked] = (self._same(database), told)
        database, told = known
        what = "is applied" if told.applied else "is not applied"
        yield what, world._replace(database=database), told
        if world.faults:
            unknown = Answer(error=OutcomeUnknown)
            faulty = world._replace(faults=world.faults - 1)
            yield "times out and was not taken", faulty, unknown
            if told.applied:
                yield "times out and was applied", faulty._replace(database=database), unknown
            late = OnItsWay(asked.statements, False)
            yield "times out and may come late", faulty._replace(on_its_way=world.on_its_way | {late}), unknown

    def _write_outcomes(self, world: World, number: int, asked: Asked) -> "Iterator[Outcome]":
        process = world.processes[number]
        assert isinstance(process, Process)
        # No table is dropped meanwhile. The timestamp is the client's where a statement has none of its own.
        mutations = self._writes.get(asked)
        if mutations is None:
            mutations = world.database.mutations(asked.statements, process.moment.clock, SECOND)
            self._writes[asked] = mutations
        if len(mutations) == 1:
            database = self._same(world.database.with_mutations(mutations))
            yield "is written", world._replace(database=database), Answer()
        else:
            yield "is sent", *self._batch_sent(world, mutations, certain=asked.logged)
        if not world.faults:
            return
        faulty = world._replace(faults=world.faults - 1)
        lost: type[CassandraError] = BatchLogUnreached if asked.logged else OutcomeUnknown
        yield "times out and was not taken", faulty, Answer(error=lost)
        # A logged batch is applied as a whole, if its log has it after all.
        sent, _ = self._batch_sent(faulty, mutations, certain=asked.logged)
        yield "times out and may come late", sent, Answer(error=lost)
        if asked.logged:
            sent, _ = self._batch_sent(faulty, mutations, certain=True)
            yield "is in the batchlog", sent, Answer(error=BatchInLog)

    def _batch_sent(
        self, world: World, mutations: tuple[Mutation, ...], *, certain: bool
    ) -> tuple[World, Answer | Logged]:
        """A batch under way. What nobody sees arrives at once, if it is certain to arrive at all."""
        at_once = [each for each in mutations if certain and self._unseen(world, each.table)]
        later = frozenset([each for each in mutations if each not in at_once])
        on_its_way = world.on_its_way | {OnItsWay(each, certain) for each in later}
        database = self._same(world.database.with_mutations(at_once)) if at_once else world.database
        sent = World(database, on_its_way, world.processes, world.crashes, world.faults)
        return sent, Logged(later) if later else Answer()

    # Processes go on.

    def _told(self, world: World, number: int, request: Request, index: int, told: Answer | Logged) -> World:
        """One of the calls of a request is served; the process goes on if it was the last."""
        process = _begun(world, number)
        if len(request.calls) == 1 and type(told) is Answer:
            moment = process.moment.after(request.number, (told,))
            return self._going(world, number, Process(moment, process.served, process.began_after))
        served = tuple(sorted((*process.served, (request.number, index, told)), key=lambda each: each[:2]))
        process = Process(process.moment, served, process.began_after)
        return self._complete(_with_process(world, number, process), number, request)

    def _complete(self, world: World, number: int, request: Request) -> World:
        """Let the process go on if all calls of the request are answered, batches by their arrival."""
        process = world.processes[number]
        assert isinstance(process, Process)
        answers: list[Answer] = []
        for asked, _, told in process.served:
            if asked == request.number:
                if isinstance(told, Answer):
                    answers.append(told)
                elif any(each.what in told.mutations for each in world.on_its_way):
                    return world
                else:
                    answers.append(Answer())
        if len(answers) < len(request.calls):
            return world
        served = tuple([each for each in process.served if each[0] != request.number])
        moment = process.moment.after(request.number, tuple(answers))
        return self._going(world, number, Process(moment, served, process.began_after))

    def _going(self, world: World, number: int, process: Process) -> World:
        """The process goes on; through what takes no step, too."""
        moment = process.moment
        while True:
            still = next((each for each in moment.requests if self._is_still(each)), None)
            if still is None:
                break
            moment = moment.after(still.number, tuple([self._read(world.database, asked) for asked in still.calls]))
        if moment is not process.moment:
            process = Process(moment, process.served, process.began_after)
        if moment.ended is None:
            return _with_process(world, number, process)
        return self._settled(_with_process(world, number, Finished(moment.ended, process.began_after)))

    def _settled(self, world: World) -> World:
        """A process is no more: what only it would have seen arrives."""
        if not world.on_its_way:
            return world
        at_once = [
            each
            for each in world.on_its_way
            if each.certain and isinstance(each.what, Mutation) and self._unseen(world, each.what.table)
        ]
        if not at_once:
            return world
        database = world.database.with_mutations([each.what for each in at_once if isinstance(each.what, Mutation)])
        return self._acknowledged(
            world._replace(database=self._same(database), on_its_way=world.on_its_way - set(at_once))
        )

    def _acknowledged(self, world: World) -> World:
        """Tell the processes whose batches have arrived."""
        for number, process in enumerate(world.processes):
            if (
                type(process) is Process
                and process.served
                and any(type(told) is Logged for _, _, told in process.served)
            ):
                for request in process.moment.requests:
                    if any(asked == request.number for asked, _, _ in process.served):
                        world = self._complete(world, number, request)
        return world


Outcome = tuple[str, World, Answer | Logged]


def _conditional(database: Database, statements: Statements) -> tuple[Database, Answer]:
    database, outcome = database.compare_and_set(statements, BALLOT_FIRST, SECOND)
    return database, Answer(outcome.applied, (), tuple([tuple(sorted(each.items())) for each in outcome.found]))


def _begun(world: World, number: int) -> Process:
    process = world.processes[number]
    assert isinstance(process, Process)
    if process.began_after is not None:
        return process
    ended = frozenset([other for other, each in enumerate(world.processes) if type(each) is Finished])
    return Process(process.moment, process.served, ended)


def _with_process(world: World, number: int, state: State) -> World:
    database, on_its_way, processes, crashes, faults = world
    return World(database, on_its_way, (*processes[:number], state, *processes[number + 1 :]), crashes, faults)
