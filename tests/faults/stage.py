"""Three nodes, two servers and the clients that use them all the time."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.faults import orders, registers
from tests.faults.asking import Clients, client_of
from tests.faults.bank import CREATE_TABLE, Bank, BankClient, open_bank
from tests.faults.orders import OrderClient
from tests.faults.registers import RegisterClient
from tests.faults.servers import Server
from tools.cassandra import Cluster, ClusterError, Settings, free_address, probe

KEYSPACE: Final = "faults"
SERVERS: Final = 2
REGISTER_CLIENTS: Final = 5
ORDER_CLIENTS: Final = 5
BANK_CLIENTS: Final = 4
HEAP: Final = "512m"
JOIN_SECONDS_MAX: Final = 180
TABLE_WAIT: Final = {"Delay": 0.2, "MaxAttempts": 600}
QUORUM: Final = 4
COUNT_SECONDS_MAX: Final = 60
BIGINT_BYTES: Final = 8


class CountFailure(Exception):
    """Cassandra does not count."""


class Happening(NamedTuple):
    """A fault as it was. Times are of the monotonic clock. `degraded`: from when to when a node was away."""

    kind: str
    target: str
    began: float
    ended: float
    words: str = ""
    degraded: tuple[float, float] | None = None


class Stage:
    """All of it. As a context manager it ends whatever it has started."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.directory = directory
        configuration = {"tombstone_failure_threshold": 10_000_000, "tombstone_warn_threshold": 1_000_000}
        settings = Settings(nodes=3, address=free_address(3), heap=HEAP, light=True, configuration=configuration)
        self.cluster = Cluster(directory / "cluster", settings)
        self.options: dict[str, object] = {
            "storage": "cassandra",
            "cassandra_contact_points": ",".join(self.cluster.contact_points),
            "cassandra_port": self.cluster.port,
            "cassandra_keyspace": KEYSPACE,
        }
        self.servers = [
            Server(number, {**self.options, "cassandra_create_schema": "true"}, directory / f"server{number}.log")
            for number in range(SERVERS)
        ]
        urls = [server.url for server in self.servers]
        self.clients = Clients(urls)
        over = self.clients.over
        self.registers = [RegisterClient(number, seed, self.clients) for number in range(REGISTER_CLIENTS)]
        self.orders = [OrderClient(number, seed, self.clients) for number in range(ORDER_CLIENTS)]
        self.bank = Bank(BANK_CLIENTS, seed, urls, over, self.clients.errors)
        self.wrong: list[str] = []
        """What was met that must not be, beside what the audit finds."""

        self.began = time.monotonic()
        self._threads: list[threading.Thread] = []
        self._boots: list[threading.Thread] = []

    def say(self, words: str) -> None:
        """A line for who watches."""
        print(f"{self.passed:6.1f} s  {words}", flush=True)

    @property
    def passed(self) -> float:
        """Seconds since the stage was set."""
        return time.monotonic() - self.began

    def open(self) -> None:
        """Start nodes and servers, make tables, begin the load."""
        self.cluster.start()
        self.say(f"three nodes serve on {', '.join(self.cluster.contact_points)}")
        for server in self.servers:
            server.start()
        client = client_of(self.servers[0].url)
        for request in (*registers.tables(), orders.create_table()):
            client.create_table(**request)
            client.get_waiter("table_exists").wait(TableName=request["TableName"], WaiterConfig=TABLE_WAIT)
        open_bank(self.servers[0].url)
        assert CREATE_TABLE["TableName"] in client.list_tables()["TableNames"]
        self.say("two servers serve, tables are made")
        clients: list[RegisterClient | OrderClient | BankClient] = [*self.registers, *self.orders, *self.bank.clients]
        for each in clients:
            thread = threading.Thread(target=self._run, args=(each.name, each.run), name=each.name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        threading.Event().wait(seconds)

    def boot(self, node: int) -> None:
        """Start a node, without waiting for it."""
        thread = threading.Thread(target=self._boot, args=(node,), daemon=True)
        self._boots.append(thread)
        thread.start()

    def have_nodes(self) -> None:
        """Wait until all nodes serve."""
        for thread in self._boots:
            thread.join()
        self._boots.clear()

    def restore(self) -> None:
        """Start the servers that do not run, or not as they usually do."""
        for server in self.servers:
            if not (server.is_alive and server.is_plain):
                server.kill()
                server.start()

    def end_load(self) -> None:
        """Return when all clients have come to an end, if they do."""
        self.clients.over.set()
        ends = time.monotonic() + JOIN_SECONDS_MAX
        for thread in self._threads:
            thread.join(max(0.0, ends - JOIN_SECONDS_MAX / 2 - time.monotonic()))
        self.bank.settled.set()
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        self.wrong += [f"client {thread.name} does not end" for thread in self._threads if thread.is_alive()]

    def scan(self) -> dict[orders.Key, orders.Item]:
        """All orders, read consistently."""
        pages = (
            client_of(self.servers[0].url).get_paginator("scan").paginate(TableName=orders.TABLE, ConsistentRead=True)
        )
        return {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}

    def intents(self) -> int:
        """How many intents there are: notes of what may be unfinished. Raises CountFailure."""
        text = f"SELECT count(*) FROM {KEYSPACE}.magnetodb_intents".encode()
        with probe.connected(self.cluster.contact_points[0], self.cluster.port) as connection:
            connection.settimeout(COUNT_SECONDS_MAX)
            probe.asked(connection, probe.STARTUP, probe.STARTUP_BODY)
            query = len(text).to_bytes(4) + text + QUORUM.to_bytes(2) + bytes([probe.SKIP_METADATA])
            opcode, body = probe.asked(connection, probe.QUERY, query)
        if opcode != probe.RESULT:
            raise CountFailure(f"intents cannot be counted: {body!r}")
        return int.from_bytes(body[-BIGINT_BYTES:])

    def writes(self) -> list[orders.Write]:
        """All acknowledged writes of orders until now."""
        return [write for client in self.orders for write in list(client.writes)]

    def _boot(self, node: int) -> None:
        began = time.monotonic()
        try:
            self.cluster.start(node)
        except ClusterError as error:
            self.wrong.append(f"node {node} does not start: {error}")
        self.say(f"node {node} serves {time.monotonic() - began:.0f} s after its start")

    def _run(self, name: str, run: Callable[[], Any]) -> None:
        try:
            run()
        except BaseException as error:
            self.wrong.append(f"client {name} met {type(error).__name__}: {error}")
            self.say(self.wrong[-1])

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.clients.over.set()
        self.bank.settled.set()
        for server in self.servers:
            server.kill()
        self.cluster.kill()
