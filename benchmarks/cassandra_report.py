"""What `make bench-cassandra` says: rates beside the raw driver's, times, who took the processor, and the goals."""

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from benchmarks.cassandra_recovery import Recovered
from benchmarks.text_tables import milliseconds, spread, table

RAW: Final = "raw driver"
ONE: Final = "ours"
TWO: Final = "ours, 2 workers"
CONTENDERS: Final = (RAW, ONE, TWO)

WORKLOAD_NAMES: Final = {"get": "GetItem", "put": "PutItem", "gsi": "PutItem into two GSIs"}
GOALS: Final = {"get": (0.45, 0.70), "put": (0.60, 0.85), "gsi": (0.60, 0.85)}
"""Of the raw driver's rate: at least, and the aim."""

RECOVERY_SECONDS_MAX: Final = (120.0, 30.0)
"""At most, and the aim."""


class Measured(NamedTuple):
    """What one contender did in one round. Percent are of one core: of its own processes (`own`; of the raw driver
    these are the load), of the load, of Cassandra, and of everything else on the machine."""

    per_second: float
    p50_us: float
    p99_us: float
    errors: int
    own_percent: float
    load_percent: float
    cassandra_percent: float
    other_percent: float


Rounds = dict[str, dict[str, list[Measured]]]
"""By workload and contender."""


def report(rounds: Rounds, recovered: Sequence[Recovered]) -> str:
    """All tables."""
    parts = []
    if rounds:
        parts += [rates(rounds), times(rounds), processors(rounds)]
    goals = [goal_row(rounds, workload) for workload in rounds] + recovery_rows(recovered)
    if goals:
        head = ["", "raw driver /s", "ours /s", "ratio", "at least", "aim", "reached"]
        parts.append(f"Goals, ratios of one round, median (least-greatest):\n\n{table(head, goals)}")
    if rounds:
        others = [each.other_percent for found in rounds.values() for some in found.values() for each in some]
        parts.append(f"Everything else on the machine took {spread(others)} % of a core.")
    return "\n\n".join(parts)


def rates(rounds: Rounds) -> str:
    """Requests a second and their share of the raw driver's."""
    rows = []
    for workload, found in rounds.items():
        row = [WORKLOAD_NAMES[workload], spread([each.per_second for each in found.get(RAW, ())])]
        for contender in (ONE, TWO):
            row += [spread([each.per_second for each in found.get(contender, ())]), percent(ratios(found, contender))]
        rows.append(row)
    head = ["", RAW, ONE, "of raw", TWO, "of raw"]
    return f"Requests a second, median (least-greatest of the rounds):\n\n{table(head, rows)}"


def times(rounds: Rounds) -> str:
    """Milliseconds to the answer."""
    rows = []
    for workload, found in rounds.items():
        row = [WORKLOAD_NAMES[workload]]
        for contender in CONTENDERS:
            some = found.get(contender, ())
            pair = (milliseconds([each.p50_us for each in some]), milliseconds([each.p99_us for each in some]))
            row.append(" / ".join(pair) if some else "")
        rows.append(row)
    return f"Milliseconds to the answer, p50 / p99, medians:\n\n{table(['', *CONTENDERS], rows)}"


def processors(rounds: Rounds) -> str:
    """Who took how much of a core."""
    rows = []
    for workload, found in rounds.items():
        for contender in CONTENDERS:
            some = found.get(contender, ())
            if not some:
                continue
            own = median([each.own_percent for each in some])
            rows.append(
                [
                    f"{WORKLOAD_NAMES[workload]}, {contender}",
                    f"{own:.0f} %",
                    f"{median([each.load_percent for each in some]):.0f} %" if contender != RAW else "",
                    f"{median([each.cassandra_percent for each in some]):.0f} %",
                    f"{median([each.per_second / max(each.own_percent, 0.1) * 100 for each in some]):,.0f}",
                    str(sum(each.errors for each in some)),
                ]
            )
    head = ["", "itself", "load", "Cassandra", "for each of its processor seconds", "errors"]
    return f"Processor time, percent of one core, medians; errors of all rounds:\n\n{table(head, rows)}"


def ratios(found: dict[str, list[Measured]], contender: str) -> list[float]:
    """The contender's rate by the raw driver's, of each round."""
    pairs = zip(found.get(contender, ()), found.get(RAW, ()), strict=False)
    return [mine.per_second / raw.per_second for mine, raw in pairs]


def percent(values: Sequence[float]) -> str:
    """Ratios as percent."""
    return spread([100 * value for value in values], ".0f", " %")


def goal_row(rounds: Rounds, workload: str) -> list[str]:
    """A line of the table of goals."""
    found, (least, aim) = rounds[workload], GOALS[workload]
    values = ratios(found, ONE)
    return [
        WORKLOAD_NAMES[workload],
        spread([each.per_second for each in found.get(RAW, ())]),
        spread([each.per_second for each in found.get(ONE, ())]),
        percent(values),
        f"{100 * least:.0f} %",
        f"{100 * aim:.0f} %",
        "not measured" if not values else word(median(values) >= least, median(values) >= aim),
    ]


def recovery_rows(recovered: Sequence[Recovered]) -> list[list[str]]:
    """The lines of recovery: from the start of a server on, and from the kill on."""
    if not recovered:
        return []
    most, aim = RECOVERY_SECONDS_MAX
    seconds = [each.from_start for each in recovered]
    right = all(each.clean for each in recovered)
    row = [
        f"recovery of {recovered[0].intents:,} intents, s from the server's start",
        "",
        "",
        spread(seconds, ".1f"),
        f"≤ {most:.0f}",
        f"≤ {aim:.0f}",
        word(median(seconds) <= most, median(seconds) <= aim) if right else "no: indexes differ",
    ]
    return [row]


def word(least: bool, aim: bool) -> str:
    """What is reached."""
    return "aim" if aim else "at least" if least else "no"
