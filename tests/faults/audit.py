"""What is looked at when all faults are over."""

import re
import time
from typing import Final, NamedTuple

from tests.faults import orders, registers
from tests.faults.servers import manage
from tests.faults.stage import CountFailure, Stage

RECOVERY_SECONDS_MAX: Final = 240.0
LOOK_SECONDS: Final = 2.0


class Recovery(NamedTuple):
    """How what was left half done came to an end. Seconds since the load ended; those that are None: not in time."""

    differences_first: int
    differences_last: int
    unfinished_first: int
    unfinished_last: int
    indexes_right: float | None
    nothing_unfinished: float | None


class Audit(NamedTuple):
    """What was found. The lists have a sentence for each thing that is wrong."""

    recovery: Recovery
    lost: list[str]
    stale: list[str]
    without_order: list[str]
    transactions: list[str]
    items: int


def recovery(stage: Stage) -> Recovery:
    """Wait until every index agrees with its table and no intent is left, for RECOVERY_SECONDS_MAX."""
    began = time.monotonic()
    found: list[tuple[int, int]] = []
    right = finished = None
    while True:
        looked = time.monotonic() - began
        differences, unfinished = differing(stage), stage.intents()
        found.append((differences, unfinished))
        right = (looked if right is None else right) if differences == 0 else None
        finished = (looked if finished is None else finished) if unfinished == 0 else None
        if looked > RECOVERY_SECONDS_MAX or (right is not None and finished is not None):
            (first, last) = found[0], found[-1]
            return Recovery(first[0], last[0], first[1], last[1], right, finished)
        stage.wait(LOOK_SECONDS)


def differing(stage: Stage) -> int:
    """Rows of indexes that `magnetodb-manage index check` finds different. Raises CountFailure where it fails."""
    code, words = manage(stage.options, "index", "check")
    last = re.search(r"([\d,]+) differences?$", words)
    if last is None or (code == 0) != (last[1] == "0"):
        raise CountFailure(f"index check: exit code {code}: {words}")
    return int(last[1].replace(",", ""))


def audit(stage: Stage) -> Audit:
    """Everything, after the load has ended. Raises CountFailure."""
    recovered = recovery(stage)
    stored = stage.scan()
    for client in stage.registers:
        for item in registers.ITEMS:
            client.read(item)
    return Audit(
        recovered,
        orders.lost(stage.orders, stored),
        [words for client in stage.orders for words in client.wrong],
        registers.violations(stage.registers),
        stage.bank.violations(),
        len(stored),
    )
