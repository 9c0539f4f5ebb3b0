"""Goes through what can happen: every world of a small scenario, or random ways through a larger one."""

import random
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from tests.storage.cassandra_model.database import Database
from tests.storage.cassandra_model.processes import Asked, Program, Request
from tests.storage.cassandra_model.worlds import Event, Possibilities, Rules, Step, World, beginning
from tests.storage.cassandra_model.writes import Mutation

CRASHES: Final = 0.1
"""Of a random way: so often a crash is one of the choices."""

LOST: Final = 0.3
"""Of a random way: so often it ends though something may still arrive."""


class Scenario(NamedTuple):
    """Processes on a database, what may befall them, and what must hold when nothing goes on any more.

    `check` says what is wrong with a quiet world, in words; nothing is "".
    """

    name: str
    database: Database
    programs: tuple[Program, ...]
    check: Callable[[World], str]
    crashes: int = 0
    faults: int = 0
    rules: Rules = Rules()

    def beginning(self) -> World:
        """The first world."""
        return beginning(self.database, self.programs, crashes=self.crashes, faults=self.faults)


class Violation(Exception):
    """A way to a world that must not be. Its text tells it event by event."""

    def __init__(self, scenario: Scenario, way: list[Event], wrong: str) -> None:
        names = [program.name for program in scenario.programs]
        told = "\n".join(f"  {number:3} {described(event, names)}" for number, event in enumerate(way, 1))
        super().__init__(f"{scenario.name}: {wrong}\n{told}")
        self.wrong = wrong
        self.way = way


class Explored(NamedTuple):
    """How much was gone through: worlds (of random ways: steps), and quiet ones that were checked."""

    worlds: int
    quiet: int
    complete: bool


def explore(scenario: Scenario, *, worlds_max: int) -> Explored:
    """Every world of the scenario, depth first, at most `worlds_max`. Raises Violation at the first that is wrong."""
    first = scenario.beginning()
    seen = {first}
    successors = Possibilities(scenario.rules).successors
    quiet = 0
    way: list[Event] = []
    ahead: list[Iterator[Step]] = [successors(first)]
    while ahead:
        step = next(ahead[-1], None)
        if step is None:
            ahead.pop()
            if way:
                way.pop()
            continue
        event, world = step
        if world in seen:
            continue
        seen.add(world)
        if world.quiet:
            quiet += 1
            if wrong := scenario.check(world):
                raise Violation(scenario, [*way, event], wrong)
        if len(seen) >= worlds_max:
            return Explored(len(seen), quiet, False)
        way.append(event)
        ahead.append(successors(world))
    return Explored(len(seen), quiet, True)


def wander(scenario: Scenario, *, seed: int, ways: int) -> Explored:
    """Random ways through the scenario, each to its end. Raises Violation at the first that ends wrong."""
    taken = 0
    successors = Possibilities(scenario.rules).successors
    first = scenario.beginning()
    for number in range(ways):
        choose = random.Random(seed * 1_000_003 + number)
        world = first
        way: list[Event] = []
        while steps := _in_order(successors(world)):
            if world.quiet and choose.random() < LOST:
                break
            event, world = _chosen(steps, choose)
            way.append(event)
        taken += len(way)
        if wrong := scenario.check(world):
            raise Violation(scenario, way, f"seed {seed}, way {number}: {wrong}")
    return Explored(taken, ways, False)


def _chosen(steps: list[Step], choose: random.Random) -> Step:
    """Most steps are no crash, or hardly a process would come to its end."""
    if choose.random() < CRASHES:
        return choose.choice(steps)
    return choose.choice([step for step in steps if not step[0].crash])


def _in_order(steps: Iterator[Step]) -> list[Step]:
    """Sets have an order of their own in every run; a seed must not depend on it."""
    return sorted(steps, key=_name)


def _name(step: Step) -> tuple[str, int, str, bool]:
    event = step[0]
    subject = event.subject
    what = (
        subject.statements
        if isinstance(subject, Asked)
        else subject.number
        if isinstance(subject, Request)
        else subject
    )
    return event.what, -1 if event.process is None else event.process, repr(what)


def described(event: Event, names: list[str]) -> str:
    """An event in words."""
    who = "" if event.process is None else f"{names[event.process]} "
    subject = event.subject
    told = str(subject)
    if isinstance(subject, Asked):
        call = subject.call
        told = f"{call.kind.value} {call.consistency.value} "
        told += "; ".join(f"{text} {values}" for text, values in subject.statements)
    elif isinstance(subject, Mutation):
        told = f"{subject.where} {subject.rows}"
    elif isinstance(subject, Request):
        told = f"{len(subject.calls)} calls"
    return f"{who}{event.what}: {told}{'. The process crashes' if event.crash else ''}"
