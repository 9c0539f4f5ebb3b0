"""The report of a run: docs/faults.md."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from benchmarks import machine
from benchmarks.text_tables import table
from tests.faults.actions import FIRST_SECONDS, NOT_REACHED
from tests.faults.audit import RECOVERY_SECONDS_MAX, Audit
from tests.faults.measures import Window, window
from tests.faults.orders import OrderClient, Write
from tests.faults.registers import RegisterClient
from tests.faults.schedule import CRASH_POINT
from tests.faults.stage import Happening, Stage

P99_SECONDS_MAX: Final = 1.0
SHOWN_MAX: Final = 5

INTRODUCTION: Final = """\
# Faults on real nodes

`make test-faults` writes this page. It starts three Cassandra nodes with three copies of everything, two servers and
clients that use both all the time, and has nodes and servers die, hang and lie about the time meanwhile. Afterwards it
looks whether everything that was acknowledged is there, and whether what was seen could be seen.

    make test-faults                                      this run, with another order of the faults
    {seeded:<52}  with the same
    make test-faults ARGS="--only kill-node --rounds 3"   some kinds only, more often; writes no page

{line}
"""

EXPLANATION: Final = """\
## What is done

| | |
| --- | --- |
| kill-node | kill -9 of a node, under load; it is started again 22 seconds later, and servers die while it boots |
| pause-node | a node is held by SIGSTOP for 22 seconds: its connections stay open, and it answers nothing |
| pause-coordinator | nodes are held for some seconds with batches in their hands, and go on with them afterwards |
| kill-server | kill -9 of a server, which is started again |
| crash-point | a server dies exactly before, amid or after a step of the write protocol |
| clock | a server's clock is an hour ahead, or behind, for a while |
| contention | clients of both servers count one item up as fast as they can |
| no-quorum | one node is dead, another one held |

The steps are those of `storage/cassandra/crash_points.py`; `hidden` and `done` come while a node is held, because only
then are they taken.

The clients ask one of the two servers at random; one that does not listen is left out, as by a load balancer.

- *Orders*: a table with two global indexes and a local one. Each client has items of its own and tries a write again
  until it is acknowledged, as SDKs do; times are from the first try to the acknowledgement. It reads its own items
  consistently. What is not as it was acknowledged is **lost** at the end, and **stale** where it was read.
- *Registers*: four items, two of them in a table with an index, which five clients read, put, change under a condition,
  delete and make anew. The history of each must have an order (`tests/faults/linearizability.py`: the search of Wing
  and Gong, as Knossos does it). What was not answered may have happened at any time afterwards, or never.
- *Bank*: transfers among 24 accounts in transactions, single writes, snapshots of all accounts and batches of reads.
  The history must be strictly serializable, and no sum may ever change: the check of
  `tests/dynamodb/test_transactions_survive_kills.py`.

**Unknown** are requests whose answer was an error of the service (status 500 or 503) or a broken connection.
**Unfinished** are intents in Cassandra: notes of writes that a server may have left half done. Recovery leaves them
alone for some ten seconds and runs every ten seconds; when its server was killed, another one takes over.
"""


class Verdict(NamedTuple):
    """A line of the report. `bound`: "" where there is none."""

    what: str
    found: str
    bound: str
    holds: bool


def verdicts(stage: Stage, happenings: Sequence[Happening], found: Audit) -> list[Verdict]:
    """What has to hold."""
    recovered = found.recovery
    writes = stage.writes()
    lines = [
        none("acknowledged writes that are lost", found.lost),
        none("stale or wrong reads", found.stale),
        none("items whose history has no order", found.without_order),
        none("errors in the history of transactions", found.transactions),
        none("other promises that were broken", stage.wrong),
        none("index rows that differ, after recovery", recovered.differences_last),
        none("intents that are unfinished, after recovery", recovered.unfinished_last),
        within("recovery: indexes are right after", recovered.indexes_right, RECOVERY_SECONDS_MAX),
        within("recovery: nothing is unfinished after", recovered.nothing_unfinished, RECOVERY_SECONDS_MAX),
    ]
    if windows := [of_happening(writes, each) for each in happenings if each.degraded is not None]:
        worst = max(each.p99 for each in windows)
        lines.append(within(f"indexed writes, a node away, after {FIRST_SECONDS:.0f} s: p99", worst, P99_SECONDS_MAX))
    return lines


def none(what: str, found: Sequence[str] | int) -> Verdict:
    """There may be none of them."""
    count = found if isinstance(found, int) else len(found)
    return Verdict(what, f"{count}", "0", count == 0)


def within(what: str, seconds: float | None, bound: float) -> Verdict:
    """It may take so long."""
    if seconds is None:
        return Verdict(what, "not in time", f"{bound:g} s", False)
    return Verdict(what, f"{seconds:.2f} s", f"{bound:g} s", seconds <= bound)


def of_happening(writes: Sequence[Write], happening: Happening) -> Window:
    """Writes while a node was away, without the first seconds."""
    assert happening.degraded is not None
    begins, ends = happening.degraded
    return window(writes, begins + FIRST_SECONDS, ends)


def report(
    stage: Stage, seed: int, planned: int, happenings: Sequence[Happening], found: Audit, lines: Sequence[Verdict]
) -> str:
    """The page."""
    parts = [
        INTRODUCTION.format(
            seeded=f'make test-faults ARGS="--seed {seed}"',
            line=f"{machine.described()};\nseed {seed}, {stage.passed / 60:.0f} minutes.",
        ),
        "## Result\n",
        table(["", "found", "bound", "holds"], [[*each[:3], "yes" if each.holds else "**NO**"] for each in lines]),
        "",
        table(["", "figure"], figures(stage, planned, happenings, found)),
        "",
        *sentences([*stage.wrong, *found.lost, *found.stale, *found.without_order, *found.transactions]),
        "## A node is away\n",
        f"Writes to a table with indexes that began {FIRST_SECONDS:.0f} seconds after the fault or later, in seconds;\n"
        "the last two columns are of the whole time.\n",
        away(stage.writes(), happenings),
        "\n## Crash points\n",
        crashes(happenings),
        "\n## What else happened\n",
        others(stage, happenings),
        "",
        EXPLANATION,
    ]
    return "\n".join(parts)


def figures(stage: Stage, planned: int, happenings: Sequence[Happening], found: Audit) -> list[list[str]]:
    """Counts."""
    clients: list[RegisterClient | OrderClient] = [*stage.registers, *stage.orders]
    counts = stage.bank.counts
    reached = [each for each in happenings if each.words != NOT_REACHED]
    writes = stage.writes()
    errors = ", ".join(f"{count:,} {name}" for name, count in stage.clients.errors.most_common())
    operations = sum(len(history) for client in stage.registers for history in client.history.values())
    bank = sum(counts[name] for name in ("transfers", "single writes", "batch reads", "snapshots"))
    lost_answers = sum(client.unknown for client in stage.bank.clients)
    recovered = found.recovery
    return [
        ["faults, of those planned", f"{len(reached)} of {planned}"],
        ["requests acknowledged", f"{sum(client.acknowledged for client in clients) + bank:,}"],
        ["requests with unknown outcome", f"{sum(client.unknown for client in clients) + lost_answers:,}"],
        ["errors by code", errors or "none"],
        ["orders: writes acknowledged, tried again", f"{len(writes):,}, {sum(each.tries > 1 for each in writes):,}"],
        ["orders: items at the end", f"{found.items:,}"],
        ["registers: operations in histories", f"{operations:,}"],
        [
            "bank: operations in the history; transfers, settled by a retry",
            f"{stage.bank.operations:,}; {counts['transfers']:,}, {counts['settled by retry']:,}",
        ],
        [
            "when the load ended: index rows that differed, intents",
            f"{recovered.differences_first:,}, {recovered.unfinished_first:,}",
        ],
    ]


def sentences(wrong: Sequence[str]) -> list[str]:
    """What is wrong, if anything."""
    return [*(f"- {words}" for words in wrong[:SHOWN_MAX]), ""] if wrong else []


def away(writes: Sequence[Write], happenings: Sequence[Happening]) -> str:
    """A line for each time in which a node was."""
    rows = []
    for each in happenings:
        if each.degraded is None:
            continue
        after, whole = of_happening(writes, each), window(writes, *each.degraded)
        times = [f"{seconds:.3f}" for seconds in (after.p50, after.p99, after.slowest)]
        rows.append(
            [
                f"{each.kind} {each.target}",
                f"{after.writes:,}",
                *times,
                f"{after.tried_again}",
                f"{after.gap:.2f}",
                f"{whole.tried_again}",
                f"{whole.gap:.2f}",
            ]
        )
    head = ["", "writes", "p50", "p99", "slowest", "tried again", "gap", "tried again in all", "gap in all"]
    return table(head, rows)


def crashes(happenings: Sequence[Happening]) -> str:
    """The crash points with what became of them."""
    points = [each for each in happenings if each.kind == CRASH_POINT]
    reached = [f"`{each.target}`" for each in points if each.words != NOT_REACHED]
    missed = [f"`{each.target}`" for each in points if each.words == NOT_REACHED]
    said = f"The server died at {', '.join(sorted(reached))}." if reached else "None."
    return said + (f"\n\nNot reached in time: {', '.join(sorted(missed))}." if missed else "")


def others(stage: Stage, happenings: Sequence[Happening]) -> str:
    """A line for each of the other faults, in their order."""
    shown = [each for each in happenings if each.kind != CRASH_POINT]
    lines = [
        f"- {each.began - stage.began:.0f} s: {each.kind} {each.target}".rstrip()
        + (f": {each.words}" if each.words else "")
        for each in shown
    ]
    return "\n".join(lines) or "Nothing."
