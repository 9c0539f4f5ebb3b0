"""What each kind of fault does. All leave nodes and servers as they found them, but for a server that has ended."""

import contextlib
import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from tests.faults import orders, registers
from tests.faults.asking import Asked, Outcome, client_of
from tests.faults.schedule import (
    CLOCK,
    CONTENTION,
    CRASH_POINT,
    KILL_NODE,
    KILL_SERVER,
    NO_QUORUM,
    NODES,
    OF_RECOVERY,
    OF_TRANSACTIONS,
    PAUSE_COORDINATOR,
    PAUSE_NODE,
    WITHOUT_BATCHLOG,
    Fault,
    step_of,
)
from tests.faults.stage import Happening, Stage

AWAY_SECONDS: Final = 22.0
"""So long a node is dead or paused; the first FIRST_SECONDS of it are for finding out."""

OF_NODES: Final = (KILL_NODE, PAUSE_NODE, PAUSE_COORDINATOR, NO_QUORUM)
"""Kinds that need all nodes: of one that still boots two would be away."""

FIRST_SECONDS: Final = 10.0
REST_SECONDS: Final = 3.0
"""After a fault, before the next one."""

COORDINATOR_PAUSE_SECONDS: Final = (1.0, 9.0)
KILL_LOAD_SECONDS: Final = 2.0
CLOCK_SECONDS: Final = 10.0
CRASH_SECONDS_MAX: Final = 25.0
RECOVERY_CRASH_SECONDS_MAX: Final = 60.0
ATTEMPTS_LEFT: Final = 12
CONTENTION_SECONDS: Final = 8.0
CONTENDERS: Final = 16
COUNTER: Final = (registers.INDEXED, "counter")
NO_QUORUM_SECONDS: Final = 20.0
REFUSAL_SECONDS_MAX: Final = 20.0
"""Of a request without a quorum: 10 for the attempts of a commit, and what the last one may take."""

WRITERS: Final = 4
LOOK_SECONDS: Final = 1.0
BACK_SECONDS_MAX: Final = 60.0
NOT_REACHED: Final = "not reached"


def act(stage: Stage, fault: Fault) -> Happening:
    """Have it happen. What must not be is added to `stage.wrong`. Raises ClusterError, StartFailure."""
    if fault.kind in OF_NODES or (fault.kind == CRASH_POINT and step_of(fault.target) in WITHOUT_BATCHLOG):
        stage.have_nodes()
    began = time.monotonic()
    words, degraded = ACTIONS[fault.kind](stage, fault.target)
    return Happening(fault.kind, fault.target, began, time.monotonic(), words, degraded)


Told = tuple[str, tuple[float, float] | None]


def kill_node(stage: Stage, target: str) -> Told:
    """kill -9, and a start."""
    began = time.monotonic()
    stage.cluster.kill(int(target))
    stage.wait(AWAY_SECONDS)
    ended = time.monotonic()
    stage.boot(int(target))
    return "", (began, ended)


def pause_node(stage: Stage, target: str) -> Told:
    """SIGSTOP, and SIGCONT."""
    began = time.monotonic()
    stage.cluster.pause(int(target))
    try:
        stage.wait(AWAY_SECONDS)
    finally:
        ended = time.monotonic()
        stage.cluster.resume(int(target))
    stage.wait(REST_SECONDS)
    return "", (began, ended)


def pause_coordinator(stage: Stage, target: str) -> Told:
    """Each node coordinates a third of what servers send. It is held while batches are in its hands, and goes on with
    them later."""
    paused = []
    for node in dict.fromkeys([int(target), *NODES]):
        seconds = stage.random.uniform(*COORDINATOR_PAUSE_SECONDS) if node == int(target) else 1.0
        stage.cluster.pause(node)
        try:
            stage.wait(seconds)
        finally:
            stage.cluster.resume(node)
        paused.append(f"{node} for {seconds:.1f} s")
        stage.wait(REST_SECONDS / 2)
    return f"nodes {', '.join(paused)}", None


def kill_server(stage: Stage, target: str) -> Told:
    """kill -9, and a start."""
    server = stage.servers[int(target)]
    server.kill()
    began = time.monotonic()
    server.start()
    seconds = time.monotonic() - began
    stage.wait(KILL_LOAD_SECONDS)
    return f"serves again after {seconds:.1f} s", None


def crash_point(stage: Stage, target: str) -> Told:
    """The second server is started with it, and dies when it comes there."""
    server, step = stage.servers[1], step_of(target)
    server.kill()
    if step in OF_RECOVERY:
        leave_recovery_to_the_second(stage)
    server.start(crash_point=target)
    began = time.monotonic()
    held = stage.random.choice(NODES) if step in WITHOUT_BATCHLOG else None
    if step in OF_TRANSACTIONS:
        stage.bank.in_haste.set()
    if held is not None:
        stage.cluster.pause(held)
    try:
        reached = died(stage, RECOVERY_CRASH_SECONDS_MAX if step in OF_RECOVERY else CRASH_SECONDS_MAX)
    finally:
        stage.bank.in_haste.clear()
        if held is not None:
            stage.cluster.resume(held)
    if not reached:
        return NOT_REACHED, None
    return f"after {time.monotonic() - began:.1f} s", None


def leave_recovery_to_the_second(stage: Stage) -> None:
    """The first server runs no jobs any more; the second one leaves attempts that have to be fenced: of items that
    nobody writes again, because a later version would be fence enough."""
    first, second = stage.servers
    if first.is_plain:
        first.stop()
        first.start(run_jobs="false")
    second.start(crash_point=f"after:intent:{ATTEMPTS_LEFT * 2}")
    client = client_of(second.url)

    def put(number: int) -> None:
        while second.is_alive:
            key = (f"left-{number}", f"{uuid.uuid4()}")
            item = {**orders.keys_of(key), "state": {"S": "left"}, "rank": {"S": "left"}}
            with contextlib.suppress(BotoCoreError, ClientError):
                client.put_item(TableName=orders.TABLE, Item=item)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(ATTEMPTS_LEFT)]
    for thread in threads:
        thread.start()
    died(stage, CRASH_SECONDS_MAX)
    second.kill()
    for thread in threads:
        thread.join()


def died(stage: Stage, seconds: float) -> bool:
    """Whether the second server has come to its crash point."""
    server = stage.servers[1]
    if not server.wait_ended(seconds):
        return False
    assert server.process is not None
    if server.process.returncode != -signal.SIGKILL:
        stage.wrong.append(f"server 1 has ended by itself: {server.last_words()}")
        return False
    return True


def clock(stage: Stage, target: str) -> Told:
    """One server's clock is wrong for a while; then it is killed and started with the right one."""
    server = stage.servers[0 if int(target) < 0 else 1]
    server.kill()
    server.start(clock_seconds=int(target))
    stage.wait(CLOCK_SECONDS)
    server.kill()
    server.start()
    stage.wait(REST_SECONDS)
    return f"{int(target) / 3600:+.0f} h on server {server.number}, then right again", None


def contention(stage: Stage, _: str) -> Told:
    """Many clients of both servers count one item up."""
    table, name = COUNTER
    stage.clients.ask(
        "put_item", stage.random, TableName=table, Item={"pk": {"S": name}, "value": {"S": name}, "n": {"N": "0"}}
    )
    ends = time.monotonic() + CONTENTION_SECONDS
    outcomes: Counter[Outcome] = Counter()
    lock = threading.Lock()

    def count() -> None:
        while time.monotonic() < ends:
            asked = stage.clients.ask(
                "update_item",
                stage.random,
                TableName=table,
                Key=registers.key(COUNTER),
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
            with lock:
                outcomes[asked.outcome] += 1

    threads = [threading.Thread(target=count) for _ in range(CONTENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = stage.clients.ask(
        "get_item", stage.random, TableName=table, Key=registers.key(COUNTER), ConsistentRead=True
    )
    number = int(found.answer["Item"]["n"]["N"])
    done, unknown = outcomes[Outcome.DONE], outcomes[Outcome.UNKNOWN]
    if not done <= number <= done + unknown:
        stage.wrong.append(f"the counter is {number}, {done} were acknowledged, {unknown} are unknown")
    stage.wait(REST_SECONDS)
    return (
        f"{CONTENDERS} clients on one item: {done / CONTENTION_SECONDS:.0f} acknowledged a second, "
        f"{outcomes[Outcome.NOT_DONE]} throttled, {unknown} unknown; the counter is right"
    ), None


def no_quorum(stage: Stage, _: str) -> Told:
    """One node is dead and another one held: nothing can be written. Then one is back, and no server is restarted."""
    dead, held = stage.random.sample(NODES, 2)
    threads_before = [server.threads() for server in stage.servers]
    starts = [server.starts for server in stage.servers]
    stage.cluster.pause(held)
    stage.cluster.kill(dead)
    threads_max, healths = 0, set()
    asked: list[Asked] = []
    ends = time.monotonic() + NO_QUORUM_SECONDS

    def write() -> None:
        item = {"pk": {"S": "no-quorum"}}
        while time.monotonic() < ends:
            asked.append(stage.clients.ask("put_item", random.Random(), TableName=registers.PLAIN, Item=item))
            stage.wait(LOOK_SECONDS)

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        while time.monotonic() < ends:
            healths |= {server.health()[0] for server in stage.servers}
            grown = [server.threads() - before for server, before in zip(stage.servers, threads_before, strict=True)]
            threads_max = max(threads_max, *grown)
            stage.wait(LOOK_SECONDS)
        for writer in writers:
            writer.join()
    finally:
        stage.cluster.resume(held)
    back = seconds_until_written(stage)
    stage.boot(dead)
    restarted = [server.starts for server in stage.servers] != starts
    codes = Counter(each.answer.get("Error", {}).get("Code", each.outcome.value) for each in asked)
    slowest = max(each.answered - each.sent for each in asked)
    told = ", ".join(f"{count} {code}" for code, count in codes.most_common())
    words = (
        f"nodes {dead} killed, {held} held: answers {told}; slowest {slowest:.1f} s; health {sorted(healths)}; "
        f"{threads_max} more threads; writes {back:.1f} s after the second node was back"
    )
    if 503 not in healths or "done" in codes or restarted or slowest > REFUSAL_SECONDS_MAX:
        stage.wrong.append(f"without a quorum: {words}")
    return words, None


def seconds_until_written(stage: Stage) -> float:
    """Until both servers have acknowledged a write."""
    began = time.monotonic()
    for server in stage.servers:
        while server.health()[0] != 200:
            if time.monotonic() - began > BACK_SECONDS_MAX:
                stage.wrong.append(f"server {server.number} does not come back: {server.health()}")
                break
            stage.wait(LOOK_SECONDS / 10)
    return time.monotonic() - began


ACTIONS: Final[dict[str, Callable[[Stage, str], Told]]] = {
    KILL_NODE: kill_node,
    PAUSE_NODE: pause_node,
    PAUSE_COORDINATOR: pause_coordinator,
    KILL_SERVER: kill_server,
    CRASH_POINT: crash_point,
    CLOCK: clock,
    CONTENTION: contention,
    NO_QUORUM: no_quorum,
}
