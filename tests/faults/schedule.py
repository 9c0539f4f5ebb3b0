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
    faults = []
    for _ in range(rounds):
        groups = [group for group in groups_of(choose) if not only or group[0].kind in only]
        choose.shuffle(groups)
        faults += [fault for group in groups for fault in group]
    return faults


def groups_of(choose: random.Random) -> list[list[Fault]]:
    """Faults that follow each other; crash points do, because each one is a restart of the same server."""
    groups = [[Fault(KILL_NODE, str(node))] for node in NODES]
    groups += [[Fault(PAUSE_NODE, str(node))] for node in NODES]
    groups += [[Fault(PAUSE_COORDINATOR, str(choose.choice(NODES)))] for _ in range(PAUSES_OF_COORDINATORS)]
    groups += [[Fault(KILL_SERVER, str(number % len(SERVERS)))] for number in range(KILLS_OF_SERVERS)]
    groups += [[Fault(CLOCK, str(seconds))] for seconds in CLOCKS_SECONDS]
    groups += [[Fault(CONTENTION)], [Fault(NO_QUORUM)]]
    points = crash_points(choose)
    choose.shuffle(points)
    # Those without the batchlog side by side, while one node is held; recovery's last, when crashes have left it work.
    points.sort(key=lambda point: (step_of(point) in OF_RECOVERY, step_of(point) in WITHOUT_BATCHLOG))
    return [*groups, [Fault(CRASH_POINT, point) for point in points]]


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
