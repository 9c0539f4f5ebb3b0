"""The figures to reach: our server, the bare server and the peers in alternation, several rounds, medians of ratios.

Every round starts each server anew and gives it the same load; the order changes with the round, so that none is
always first. Ratios are of one round, because a machine changes its speed between rounds.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks import contention, run_load
from benchmarks.contention import Contention
from benchmarks.peers import PeerMissing
from benchmarks.processes import Usage
from benchmarks.run_load import Measured
from benchmarks.servers import IN_MEMORY, Choices, running
from benchmarks.text_tables import milliseconds, spread, table

FILE_PEER: Final = "dynoxide-file"
FILE_PEER_WORKLOADS: Final = ("get", "put", "batch")
"""It needs an fsync for each write: more workloads would only take long."""

WORKLOAD_NAMES: Final = {
    "get": "GetItem",
    "put": "PutItem",
    "query": "Query of 10 items",
    "update": "UpdateItem, ADD",
    "batch": "BatchWriteItem of 25",
    "gsi": "PutItem into two GSIs",
    "mixed": "half GetItem, half UpdateItem",
}

CONTENTION_CONNECTIONS: Final = 16


class Goal(NamedTuple):
    """A line of the table: a rate that is compared. `against`: a server, or "memory" for the faster peer in memory."""

    workload: str
    against: str
    at_least: float
    aim: float


GOALS: Final = (
    Goal("get", "bare", 0.4, 0.6),
    Goal("get", "memory", 1.2, 2),
    Goal("query", "memory", 2, 5),
    Goal("put", "memory", 0.8, 1.3),
    Goal("update", "memory", 0.8, 1.3),
    Goal("gsi", "memory", 0.9, 1.5),
    Goal("batch", "memory", 2, 5),
    Goal("mixed", "memory", 1, 1.8),
    Goal("put", FILE_PEER, 2.5, 4),
)

MEMORY_MB_MAX: Final = (120, 80)
START_SECONDS_MAX: Final = (1.0, 0.5)
CONTENTION_RATIO_MAX: Final = (5, 2)
"""At most, and the aim."""

RECORDED_COMMIT: Final = "9d93085"
RECORDED_PER_SECOND: Final = {
    "get": 15_528,
    "put": 4_663,
    "query": 6_468,
    "update": 2_696,
    "batch": 234,
    "gsi": 1_762,
    "mixed": 6_615,
}
"""Requests a second before step 3, on another day: shown where that commit was not measured in the same run."""

RECORDED_MEMORY_MB: Final = 72

Note = Callable[[str], None]


class Plan(NamedTuple):
    """How the figures are taken."""

    rounds: int
    seconds: int
    servers: Sequence[str]
    workloads: Sequence[str]
    choices: Choices
    run_load: Path
    data_dir: Path | None = None


class Round(NamedTuple):
    """What one server did in one round."""

    workloads: dict[str, Measured]
    after: Usage
    start_seconds: tuple[float, ...]
    contention: Contention | None


Rounds = dict[str, list[Round]]
"""The rounds of each server."""


def measured(plan: Plan, note: Note) -> Rounds:
    """Run all rounds. A peer that cannot be installed is left out, and said so."""
    rounds: Rounds = defaultdict(list)
    servers = list(plan.servers)
    for number in range(plan.rounds):
        shift = number % len(servers)
        for name in servers[shift:] + servers[:shift]:
            try:
                found = one_round(plan, name)
            except PeerMissing as error:
                note(f"left out: {error}")
                servers = [other for other in servers if other != name]
                continue
            rounds[name].append(found)
            rates = ", ".join(f"{each} {figures['per_second']:,.0f}" for each, figures in found.workloads.items())
            note(f"round {number + 1} of {plan.rounds}, {name}: {rates}")
    return rounds


def one_round(plan: Plan, name: str) -> Round:
    """One server, started, loaded and stopped; ours a second time for what writes do to reads."""
    workloads = workloads_of(plan, name)
    with running(name, plan.choices, plan.data_dir) as server:
        figures = run_load.measured(plan.run_load, server, workloads, seconds=plan.seconds)
        after, starts = server.usage(), [server.start_seconds]
    found = None
    if name in ("ours", "before"):
        with running(name, plan.choices, plan.data_dir) as server:
            found = contention.measured(server, plan.seconds)
            starts.append(server.start_seconds)
    return Round(figures, after, tuple(starts), found)


def workloads_of(plan: Plan, name: str) -> list[str]:
    """Those of the plan that a server is given."""
    return [each for each in plan.workloads if name != FILE_PEER or each in FILE_PEER_WORKLOADS]


def report(rounds: Rounds) -> str:
    """All tables."""
    return "\n\n".join(
        (
            "Requests a second, median (least-greatest of the rounds):",
            rates_table(rounds),
            "Milliseconds to the answer, p50 / p99 / p99.9, medians:",
            latency_table(rounds),
            "Processor of the server (percent of one core), requests for each of its processor seconds, errors of all "
            "rounds:",
            processor_table(rounds),
            "Memory after the run and start to the first answer:",
            cost_table(rounds),
            *contention_tables(rounds),
            "Figures to reach, ratios of one round, median (least-greatest):",
            goals_table(rounds),
            *([] if "before" in rounds else [f"* commit {RECORDED_COMMIT}, recorded on another day"]),
            others(rounds),
        )
    )


def others(rounds: Rounds) -> str:
    """What else the machine did meanwhile: figures mean little where that was much."""
    percents = [
        load["other_cpu_percent"] for found in rounds.values() for each in found for load in each.workloads.values()
    ]
    return f"Everything else on the machine took {spread(percents, '.0f')} % of a core."


def series(rounds: Rounds, name: str, workload: str, figure: str) -> list[float]:
    """A figure of a server in each round."""
    return [each.workloads[workload][figure] for each in rounds.get(name, ()) if workload in each.workloads]


def measured_workloads(rounds: Rounds) -> list[str]:
    """Those that any server was given, in the usual order."""
    given = {workload for each in rounds.values() for found in each for workload in found.workloads}
    return [workload for workload in WORKLOAD_NAMES if workload in given]


def by_workload(rounds: Rounds, cell: Callable[[str, str], str]) -> str:
    """A table with a line for each workload and a column for each server."""
    rows = [
        [WORKLOAD_NAMES[workload], *(cell(name, workload) for name in rounds)]
        for workload in measured_workloads(rounds)
    ]
    return table(["", *rounds], rows)


def rates_table(rounds: Rounds) -> str:
    """Requests a second."""
    return by_workload(rounds, lambda name, workload: spread(series(rounds, name, workload, "per_second")))


def latency_table(rounds: Rounds) -> str:
    """Times to the answer."""

    def cell(name: str, workload: str) -> str:
        times = [milliseconds(series(rounds, name, workload, figure)) for figure in ("p50_us", "p99_us", "p999_us")]
        return " / ".join(times) if times[0] else ""

    return by_workload(rounds, cell)


def processor_table(rounds: Rounds) -> str:
    """What the server's processor time was."""

    def cell(name: str, workload: str) -> str:
        percent = series(rounds, name, workload, "server_cpu_percent")
        if not percent:
            return ""
        per_second = median(series(rounds, name, workload, "per_server_cpu_second"))
        errors = sum(series(rounds, name, workload, "errors"))
        return f"{median(percent):.0f} % · {per_second:,.0f} · {errors:.0f}"

    return by_workload(rounds, cell)


def cost_table(rounds: Rounds) -> str:
    """Memory and start of each server."""
    rows = []
    for name, found in rounds.items():
        rows.append(
            [
                name,
                spread([each.after.resident_bytes / 1e6 for each in found], ".0f"),
                spread([each.after.proportional_bytes / 1e6 for each in found], ".0f"),
                spread([seconds for each in found for seconds in each.start_seconds], ".2f"),
            ]
        )
    return table(["", "resident MB", "proportional MB", "start, s"], rows)


def contention_tables(rounds: Rounds) -> list[str]:
    """GetItem alone and beside writes, if it was measured."""
    rows = []
    for name, found in rounds.items():
        several = [each.contention for each in found if each.contention is not None]
        if several:
            rows += [contention_row(name, several, count) for count in contention.READ_CONNECTIONS]
    if not rows:
        return []
    head = ["", "readers", "p99 alone, ms", "p99 beside, ms", "ratio", "GetItem/s beside", "PutItem/s", "its p99, ms"]
    return ["GetItem alone and while PutItem runs at half of its peak:", table(head, rows)]


def contention_row(name: str, several: Sequence[Contention], count: int) -> list[str]:
    """A line of what writes do to reads, with so many connections that read."""
    return [
        name,
        str(count),
        milliseconds([each.alone[count].p99_us for each in several]),
        milliseconds([each.beside[count].p99_us for each in several]),
        spread([each.ratio(count) for each in several], ".1f"),
        spread([each.beside[count].per_second for each in several]),
        spread([each.writes[count]["per_second"] for each in several]),
        milliseconds([each.writes[count]["p99_us"] for each in several]),
    ]


def goals_table(rounds: Rounds) -> str:
    """The figures that were asked for, before and after, and whether they are reached."""
    head = ["", "before /s", "after /s", "of bare", "against", "before", "after", "at least", "aim", "reached"]
    rows = [goal_row(rounds, goal) for goal in GOALS]
    ours, before = rounds.get("ours", []), rounds.get("before", [])
    rows.append(
        cost_row(
            "resident memory after the run, MB",
            [each.after.resident_bytes / 1e6 for each in before] or [RECORDED_MEMORY_MB],
            [each.after.resident_bytes / 1e6 for each in ours],
            MEMORY_MB_MAX,
            ".0f",
        )
    )
    rows.append(cost_row("start to first answer, s", starts(before), starts(ours), START_SECONDS_MAX, ".2f"))
    name = "p99 of GetItem beside writes, times alone"
    rows.append(cost_row(name, contention_ratios(before), contention_ratios(ours), CONTENTION_RATIO_MAX, ".1f"))
    return table(head, rows)


def goal_row(rounds: Rounds, goal: Goal) -> list[str]:
    """A line about a rate."""
    rival = faster_peer(rounds, goal.workload) if goal.against == "memory" else goal.against
    after = ratios(rounds, "ours", rival, goal.workload)
    before = series(rounds, "before", goal.workload, "per_second")
    form = ".0%" if goal.against == "bare" else ".2f"
    sign = "" if goal.against == "bare" else " x"
    return [
        WORKLOAD_NAMES[goal.workload],
        spread(before) if before else f"{RECORDED_PER_SECOND[goal.workload]:,}*",
        spread(series(rounds, "ours", goal.workload, "per_second")),
        spread(ratios(rounds, "ours", "bare", goal.workload), ".0%"),
        rival,
        spread(ratios(rounds, "before", rival, goal.workload), form, sign),
        spread(after, form, sign),
        f"{goal.at_least:.0%}" if goal.against == "bare" else f"{goal.at_least} x",
        f"{goal.aim:.0%}" if goal.against == "bare" else f"{goal.aim} x",
        reached(after, lambda value, bound: value >= bound, (goal.at_least, goal.aim)),
    ]


def cost_row(
    name: str, before: Sequence[float], after: Sequence[float], bounds: tuple[float, float], form: str
) -> list[str]:
    """A line about what shall be small."""
    verdict = reached(after, lambda value, bound: value <= bound, bounds)
    return [
        name,
        "",
        "",
        "",
        "",
        spread(before, form),
        spread(after, form),
        f"≤ {bounds[0]}",
        f"≤ {bounds[1]}",
        verdict,
    ]


def reached(values: Sequence[float], holds: Callable[[float, float], bool], bounds: tuple[float, float]) -> str:
    """What the median reaches of what is asked for."""
    if not values:
        return "not measured"
    if holds(median(values), bounds[1]):
        return "aim"
    return "at least" if holds(median(values), bounds[0]) else "no"


def faster_peer(rounds: Rounds, workload: str) -> str:
    """The peer in memory that does more; the first one where none was measured."""
    return max(IN_MEMORY, key=lambda name: median(series(rounds, name, workload, "per_second") or [0]))


def ratios(rounds: Rounds, name: str, rival: str, workload: str) -> list[float]:
    """How many times as much a server does as another, in each round."""
    pairs = zip(*(series(rounds, each, workload, "per_second") for each in (name, rival)), strict=False)
    return [mine / theirs for mine, theirs in pairs]


def starts(rounds: Sequence[Round]) -> list[float]:
    """Seconds from start to first answer."""
    return [seconds for each in rounds for seconds in each.start_seconds]


def contention_ratios(rounds: Sequence[Round]) -> list[float]:
    """How much longer the p99 of GetItem is beside writes."""
    return [each.contention.ratio(CONTENTION_CONNECTIONS) for each in rounds if each.contention is not None]


def plain(rounds: Rounds) -> dict[str, Any]:
    """The figures as they are kept."""
    return {
        name: [
            {
                "workloads": each.workloads,
                "after": each.after._asdict(),
                "start_seconds": each.start_seconds,
                "contention": None if each.contention is None else plain_contention(each.contention),
            }
            for each in found
        ]
        for name, found in rounds.items()
    }


def plain_contention(found: Contention) -> dict[str, Any]:
    """What writes do to reads, as it is kept."""
    return {
        "peak_per_second": found.peak_per_second,
        "alone": {count: load._asdict() for count, load in found.alone.items()},
        "beside": {count: load._asdict() for count, load in found.beside.items()},
        "writes": found.writes,
    }
