"""Which faults a run has, in which order. A seed says it, and nothing else."""

import random
from collections.abc import Collection
from typing import Final, NamedTuple

from magnetodb.storage.cassandra.crash_points import STEPS

NODES: Final = (1, 2, 3)
SERVERS: Final = (0, 1)
CLOCKS_SECONDS: Final = (3600, -3600)

KILL_NODE: Final = "kill-node"
PAUSE_NODE: Final = "pause-node"
PAUSE_COORDINATOR: Final = "pause-coordinator"
KILL_SERVER: Final = "kill-server"
CRASH_POINT: Final = "crash-point"
CLOCK: Final = "clock"
CONTENTION: Final = "contention"
NO_QUORUM: Final = "no-quorum"
KINDS: Final = (
    KILL_NODE,
    PAUSE_NODE,
    PAUSE_COORDINATOR,
    KILL_SERVER,
    CRASH_POINT,
    CLOCK,
    CONTENTION,
    NO_QUORUM,
)

KILLS_OF_SERVERS: Final = 3
PAUSES_OF_COORDINATORS: Final = 3

OFTEN: Final = ("read", "intent", "item", "batch", "lock", "decision", "apply")
"""Steps that a server makes several times a second: the crash may come at a later one."""

OF_TRANSACTIONS: Final = ("lock", "decision", "apply", "record")
"""Steps of transactions, and of those who meet one."""

OFTEN_NUMBER_MAX: Final = 20

WITHOUT_BATCHLOG: Final = ("hidden", "done")
"""Steps that are made only while logged batches fail."""

OF_RECOVERY: Final = ("fence",)
"""Steps that only the process makes that recovers, some time after a crash."""

SIDE_BY_SIDE: Final = ("read", "hidden", "lock", "apply")
"""Steps whose calls are sent side by side, so that a server can die between them."""


class Fault(NamedTuple):
    """One thing that happens. `target`: a node's or a server's number, a crash point, seconds, or nothing."""

    kind: str
    target: str = ""


def schedule(seed: int, *, rounds: int = 1, only: Collection[str] = ()) -> list[Fault]:
    """Every fault of the kinds (of all, if none is named) once in each round, in an order that the seed says."""
    choose = random.Random(seed)
    faults = [fault for _ in range(rounds) for fault in one_round(choose)]
    return [fault for fault in faults if not only or fault.kind in only]


def one_round(choose: random.Random) -> list[Fault]:
    """All faults once. Behind each that kills a node come some of servers, while the node boots."""
    booting = [Fault(KILL_NODE, str(node)) for node in NODES] + [Fault(NO_QUORUM)]
    others = [Fault(PAUSE_NODE, str(node)) for node in NODES]
    others += [Fault(PAUSE_COORDINATOR, str(choose.choice(NODES))) for _ in range(PAUSES_OF_COORDINATORS)]
    of_servers = [Fault(KILL_SERVER, str(number % len(SERVERS))) for number in range(KILLS_OF_SERVERS)]
    of_servers += [Fault(CLOCK, str(seconds)) for seconds in CLOCKS_SECONDS] + [Fault(CONTENTION)]
    points = [Fault(CRASH_POINT, point) for point in crash_points(choose)]
    for faults in (booting, others, of_servers, points):
        choose.shuffle(faults)
    # Crash points follow each other: each is a restart of the same server.
    usual = [each for each in points if step_of(each.target) not in (*OF_RECOVERY, *WITHOUT_BATCHLOG)]
    order = []
    for number, fault in enumerate(booting):
        share = slice(number, None, len(booting))
        order += [fault, *usual[share], *of_servers[share], *others[share]]
    order += [each for each in points if step_of(each.target) in WITHOUT_BATCHLOG]
    return order + [each for each in points if step_of(each.target) in OF_RECOVERY]


def crash_points(choose: random.Random) -> list[str]:
    """One for each step and moment that differ: before it, amid calls that are sent side by side, after it."""
    points = []
    for step in STEPS:
        for moment in ("before", "amid", "after"):
            if moment == "amid" and step not in SIDE_BY_SIDE:
                continue
            numbers = OFTEN_NUMBER_MAX if step in OFTEN and moment != "amid" else 1
            points.append(f"{moment}:{step}:{choose.randint(1, numbers)}")
    return points


def step_of(point: str) -> str:
    """The step of a crash point."""
    return point.split(":")[1]
