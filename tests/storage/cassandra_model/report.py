"""Goes through the large scenarios, wanders through the crowd, and tries the mutants; prints docs/protocol-checks.md's
table.

    .venv/bin/python -m tests.storage.cassandra_model.report --worlds 1000000 --ways 1000
"""

import argparse
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pool
from typing import NamedTuple

from tests.storage.cassandra_model.explorer import Explored, Scenario, Violation, explore, wander
from tests.storage.cassandra_model.ingredients import MUTANTS
from tests.storage.cassandra_model.scenarios import crowd, large_scenarios, small_scenarios

WAYS_AT_ONCE = 50


class Task(NamedTuple):
    """One of the things to be done: the large or small scenario, the mutant or the ways of a number."""

    kind: str
    number: int
    bound: int
    seed: int = 0


class Done(NamedTuple):
    """What came of a task. `wrong`: a violation."""

    task: Task
    name: str
    explored: Explored
    seconds: float
    wrong: str = ""


def scenarios(kind: str) -> list[Scenario]:
    """Those of a kind; "whole" are those of the mutants with nothing left out."""
    if kind == "whole":
        return list({mutant.scenario: mutant.whole() for mutant in MUTANTS}.values())
    return list(large_scenarios() if kind == "large" else small_scenarios())


def done(task: Task) -> Done:
    """Do a task."""
    began = time.monotonic()
    name = "a crowd, at random"
    try:
        if task.kind == "ways":
            explored = wander(crowd(), seed=task.seed + task.number, ways=task.bound)
        else:
            if task.kind == "mutant":
                name, scenario = MUTANTS[task.number].ingredient, MUTANTS[task.number].mutated()
            else:
                scenario = scenarios(task.kind)[task.number]
                name = scenario.name
            explored = explore(scenario, worlds_max=task.bound)
    except Violation as violation:
        return Done(task, name, Explored(0, len(violation.way), True), time.monotonic() - began, str(violation))
    return Done(task, name, explored, time.monotonic() - began)


def tasks(worlds: int, ways: int, seed: int) -> Iterator[Task]:
    """All of them, the mutants first."""
    for number in range(len(MUTANTS)):
        yield Task("mutant", number, worlds)
    for kind in ("small", "whole", "large"):
        for number in range(len(scenarios(kind))):
            yield Task(kind, number, worlds)
    for number in range(ways // WAYS_AT_ONCE):
        yield Task("ways", number, WAYS_AT_ONCE, seed * 1_000_000)


def main() -> int:
    """0: no scenario was violated, and every mutant was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=1_000_000, help="of one scenario at most; about 1 GB a million")
    parser.add_argument("--ways", type=int, default=1_000, help="random ways through the crowd")
    parser.add_argument("--seed", type=int, default=1, help="of the random ways")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    failures = 0
    sums: dict[str, list[Done]] = {}
    with Pool(arguments.processes, maxtasksperchild=1) as pool:
        for each in pool.imap(done, tasks(arguments.worlds, arguments.ways, arguments.seed)):
            sums.setdefault(each.task.kind, []).append(each)
            failures += (each.wrong != "") != (each.task.kind == "mutant")
            print(told(each), flush=True)
    for kind, parts in sums.items():
        print(f"{kind}: {len(parts)}, {sum(part.explored.worlds for part in parts):,} worlds or steps, ", end="")
        print(f"{sum(part.explored.complete for part in parts)} to the end, ", end="")
        print(f"{sum(part.wrong != '' for part in parts)} violated, {sum(part.seconds for part in parts):.0f} s")
    return 1 if failures else 0


def told(each: Done) -> str:
    """A line of the report."""
    if each.task.kind == "mutant":
        found = f"caught by {each.explored.quiet} events" if each.wrong else "NOT CAUGHT"
        return f"mutant without: {each.name}: {found}, {each.seconds:.1f} s"
    if each.wrong:
        return f"VIOLATED: {each.name}\n{each.wrong}"
    end = "" if each.explored.complete or each.task.kind == "ways" else " (not to the end)"
    return f"{each.name}: {each.explored.worlds:,}{end}, {each.explored.quiet:,} quiet, {each.seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
