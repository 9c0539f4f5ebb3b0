"""A bank under kill -9: 16 clients transfer money while the server is killed every few seconds and started again. The
sum is right in every snapshot and at the end, no retried token pays twice, and the whole history is serializable.

MAGNETODB_TEST_BANK_SECONDS=300 runs longer than the default of 12.

How the history is checked. Every write of an account makes a value of its `version` that no other write makes (it
counts up from the value that the write's condition names), and puts a unique mark beside it. So every observation tells
exactly which write it saw, and the order of the writes of one account is the order of their versions. Then, in the way
of Adya's graphs (as Elle does for histories with recoverable version orders), each operation that had an effect or saw
one is a node, and

    write -> write    of the next version of the same account                  (ww)
    write -> read     of the version that it made                              (wr)
    read -> write     of the version after the one that was read               (rw)
    A -> B            if A was answered before B was sent, by one clock        (real time)

A history is strictly serializable if and only if these edges have no cycle: a topological order is the serial order,
and a cycle says that none exists. A transaction has one node for all of its accounts, so atomicity is part of it.
Transfers whose answer was lost are settled by their token: the same request is sent again, unchanged, until it is
answered. If that retry is a success it has happened, and once: else the versions would have a gap, or two writes of one
version, or the final balances another sum. A single write whose answer was lost has happened if its mark is the one
that was seen of its version. Reads of BatchGetItem are one node for each item, since nothing is said of them together.

Real time is kept cheaply: operations in the order of their sending point to nodes of a chain of moments, so that the
edges are few. Times count from before the first sending of a request to after its last answer.
"""

import http.client
import itertools
import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

SECONDS = float(os.environ.get("MAGNETODB_TEST_BANK_SECONDS", "12"))
SECONDS_BETWEEN_KILLS = (1.5, 4.0)
RECOVERY_SECONDS_MAX = 120 if "MAGNETODB_TEST_CASSANDRA" in os.environ else 0
CLIENTS = 16
ACCOUNTS = 24
MONEY = 1000
ANSWER_SECONDS_MAX = 20

TABLE = "bank"
CREATE_TABLE = {
    "TableName": TABLE,
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "mark")],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_mark",
            "KeySchema": [{"AttributeName": "mark", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


class Account(NamedTuple):
    """An account as an answer showed it."""

    balance: int
    version: int
    mark: str


class Operation(NamedTuple):
    """One node of the history: the versions that it saw and made, by account, and its times by one clock. `answered` is
    infinity where no answer came."""

    name: str
    sent: float
    answered: float
    read: dict[str, Account]
    wrote: dict[str, Account]


class Gone(Exception):
    """The server ended before it answered."""


class Conflict(Exception):
    """A transaction that was not decided yet held an item: DynamoDB's answer as well, and none of what was asked."""


class Place:
    """Where the server is; clients wait there while it is not."""

    def __init__(self):
        self.url = None
        self.up = threading.Event()
        self.over = threading.Event()

    def wait(self):
        """The URL; None when all is over."""
        while not self.up.wait(0.1):
            if self.over.is_set():
                return None
        return self.url


class Client:
    """One client: transfers, single writes, batch reads and snapshots, one after the other."""

    def __init__(self, number, seed, place):
        self.number = number
        self.random = random.Random(f"{seed}/{number}")
        self.place = place
        self.history = []
        self.counts = Counter()
        self.broken_sums = []
        self.failure = None
        self.marks = itertools.count()
        self.connection = None
        self.url = None

    def run(self):
        try:
            while not self.place.over.is_set() and self.place.wait():
                self.step()
        except BaseException as error:
            self.failure = error
            self.place.over.set()

    def step(self):
        step = self.random.choices((self.transfer, self.touch, self.read_batch, self.snapshot), weights=(6, 2, 2, 2))[0]
        try:
            step()
        except Gone:
            self.counts["lost reads"] += 1
        except Conflict:
            self.counts["conflicts"] += 1

    # ---- operations

    def transfer(self):
        """Move money between two or three accounts, under the condition that they still are as they were read; now and
        then check another one beside them. The same request again until it is answered."""
        names = self.some_accounts(self.random.choice((2, 2, 3)))
        seen = self.seen(names)
        amount = self.random.randint(1, 20)
        changes = dict.fromkeys(names, 0)
        changes[names[0]] -= amount
        changes[names[1]] += amount
        wrote = {
            name: Account(seen[name].balance + change, seen[name].version + 1, self.mark())
            for name, change in changes.items()
            if change
        }
        actions = [self.action(name, seen[name], wrote.get(name)) for name in names]
        request = {"TransactItems": actions, "ClientRequestToken": self.mark()}
        self.until_answered("transfer", request, seen, wrote)

    def until_answered(self, name, request, seen, wrote):
        """Retry a transaction by its token until its outcome is known."""
        sent, tries = time.monotonic(), 0
        while True:
            tries += 1
            if self.place.wait() is None:
                self.history.append(Operation(f"{name}?", sent, float("inf"), {}, wrote))
                return
            try:
                status, answer = self.ask("TransactWriteItems", request)
            except Gone:
                self.counts["retries by token"] += 1
                continue
            if status == 200:
                # Sometimes the answer is "lost" to us, too: again must make no difference.
                if tries == 1 and self.random.random() < 0.1:
                    self.counts["repeated tokens"] += 1
                    continue
                self.history.append(Operation(name, sent, time.monotonic(), seen, wrote))
                self.counts[f"{name}s"] += 1
                self.counts["settled by retry"] += tries > 1
                return
            error = answer["__type"].rpartition("#")[2]
            if error == "TransactionInProgressException":
                continue
            assert error == "TransactionCanceledException", answer
            self.counts["cancelled"] += 1
            return

    def touch(self):
        """A single write: another version and mark, the same balance. Its answer may be lost for good."""
        [name] = self.some_accounts(1)
        seen = self.seen([name])
        after = Account(seen[name].balance, seen[name].version + 1, self.mark())
        action = self.action(name, seen[name], after)["Update"]
        sent = time.monotonic()
        try:
            status, answer = self.ask("UpdateItem", action)
        except Gone:
            self.history.append(Operation("touch?", sent, float("inf"), {}, {name: after}))
            return
        if status == 200:
            self.history.append(Operation("touch", sent, time.monotonic(), seen, {name: after}))
            self.counts["single writes"] += 1
        else:
            raise_conflict(answer)

            assert "ConditionalCheckFailedException" in answer["__type"], answer

    def read_batch(self):
        names = self.some_accounts(8)
        sent = time.monotonic()
        keys = {"Keys": [key(name) for name in names], "ConsistentRead": True}
        answer = self.asked("BatchGetItem", {"RequestItems": {TABLE: keys}})
        found = dict(map(account, answer["Responses"][TABLE]))

        assert sorted(names) == sorted(found)
        answered = time.monotonic()
        self.history += [Operation("batch read", sent, answered, {name: found[name]}, {}) for name in names]
        self.counts["batch reads"] += 1

    def snapshot(self):
        found, sent = self.all_accounts()
        self.history.append(Operation("snapshot", sent, time.monotonic(), found, {}))
        self.counts["snapshots"] += 1
        total = sum(each.balance for each in found.values())
        if total != MONEY * ACCOUNTS:
            self.broken_sums.append(total)

    # ---- parts of them

    def some_accounts(self, count):
        return self.random.sample(ALL_ACCOUNTS, count)

    def mark(self):
        return f"{self.number}-{next(self.marks)}"

    def seen(self, names):
        """What a transaction is made from: read together, and part of it by its conditions."""
        gets = [{"Get": {"TableName": TABLE, "Key": key(name)}} for name in names]
        answer = self.asked("TransactGetItems", {"TransactItems": gets})
        return dict(account(each["Item"]) for each in answer["Responses"])

    def all_accounts(self):
        sent = time.monotonic()
        return self.seen(ALL_ACCOUNTS), sent

    @staticmethod
    def action(name, before, after):
        """Set an account, or only check it (`after` None), under the condition that it is as before."""
        condition = {
            "TableName": TABLE,
            "Key": key(name),
            "ConditionExpression": "version = :before",
        }
        values = {":before": {"N": str(before.version)}}
        if after is None:
            return {"ConditionCheck": {**condition, "ExpressionAttributeValues": values}}
        values |= {
            ":change": {"N": str(after.balance - before.balance)},
            ":one": {"N": "1"},
            ":mark": {"S": after.mark},
        }
        text = "SET balance = balance + :change, version = version + :one, mark = :mark"
        return {"Update": {**condition, "UpdateExpression": text, "ExpressionAttributeValues": values}}

    def asked(self, operation, request):
        """The answer. Raises Conflict, Gone."""
        status, answer = self.ask(operation, request)
        if status != 200:
            raise_conflict(answer)

        assert (200, operation) == (status, operation), answer
        return answer

    def ask(self, operation, request):
        """(status, answer). Raises Gone."""
        url = self.place.wait()
        if url is None:
            raise Gone
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        try:
            if self.connection is None or url != self.url:
                parts = urlsplit(url)
                self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_SECONDS_MAX)
                self.url = url
            self.connection.request("POST", "/", json.dumps(request).encode(), headers)
            response = self.connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            raise Gone from None


ALL_ACCOUNTS = [f"account-{number}" for number in range(ACCOUNTS)]


def raise_conflict(answer):
    """Raise Conflict if that is what an error says."""
    reasons = [each["Code"] for each in answer.get("CancellationReasons", ())]
    if set(reasons) - {"None"} == {"TransactionConflict"} or "TransactionConflictException" in answer["__type"]:
        raise Conflict


def key(name):
    return {"id": {"S": name}}


def account(item):
    """(name, Account) of an item."""
    return item["id"]["S"], Account(int(item["balance"]["N"]), int(item["version"]["N"]), item["mark"]["S"])


# ---- the checker


def history_errors(operations, final):
    """What is wrong with a history whose accounts began at version 0 and ended as `final`; [] if it is strictly
    serializable. See the module's docstring."""
    writers, errors = version_orders(operations, final)
    if errors:
        return errors
    happened = [
        node
        for node, operation in enumerate(operations)
        if not operation.wrote or any(writers[name].get(seen.version) == node for name, seen in operation.wrote.items())
    ]
    try:
        TopologicalSorter(edges(operations, happened, writers)).prepare()
    except CycleError as error:
        cycle = [operations[node] if isinstance(node, int) else node for node in error.args[1]]
        return [f"not serializable: {cycle}"]
    return []


def version_orders(operations, final):
    """({account: {version: node that made it}}, what is wrong with that)."""
    errors = []
    candidates = defaultdict(list)
    marks = {name: {0: "start", final[name].version: final[name].mark} for name in final}
    for node, operation in enumerate(operations):
        for name, made in operation.wrote.items():
            candidates[name, made.version].append(node)
            if operation.answered < float("inf"):
                errors += noted(marks[name], name, made)
        for name, seen in operation.read.items():
            errors += noted(marks[name], name, seen)
    writers = {name: {} for name in final}
    for name, account_ in final.items():
        for version in range(1, account_.version + 1):
            nodes = candidates[name, version]
            if len(nodes) > 1:
                nodes = [node for node in nodes if operations[node].wrote[name].mark == marks[name].get(version)]
            if len(nodes) != 1:
                errors.append(f"{name}: version {version} has {len(nodes)} writers")
            else:
                writers[name][version] = nodes[0]
        beyond = max(marks[name])
        if beyond > account_.version:
            errors.append(f"{name}: version {beyond} was seen and is lost")
    errors += partly_happened(operations, writers)
    return writers, errors


def noted(marks, name, seen):
    """Remember which write made a version; two are an error."""
    mark = marks.setdefault(seen.version, seen.mark)
    return [] if mark == seen.mark else [f"{name}: version {seen.version} is of both {mark} and {seen.mark}"]


def partly_happened(operations, writers):
    """Writes of which some accounts have changed and some have not."""
    errors = []
    for node, operation in enumerate(operations):
        happened = {writers[name].get(made.version) == node for name, made in operation.wrote.items()}
        if len(happened) > 1 or (happened == {False} and operation.answered < float("inf")):
            errors.append(f"did not happen, or in part only: {operation}")
    return errors


def edges(operations, happened, writers):
    """{node: its predecessors}."""
    before = {node: set() for node in happened}
    for node in happened:
        operation = operations[node]
        for name, made in operation.wrote.items():
            if made.version > 1:
                before[node].add(writers[name][made.version - 1])
        for name, seen in operation.read.items():
            if seen.version > 0 and writers[name][seen.version] != node:
                before[node].add(writers[name][seen.version])
            following = writers[name].get(seen.version + 1)
            if following is not None and following != node:
                before[following].add(node)
    # Real time: a chain of moments. An operation comes before the moment of its answer and behind the last moment that
    # was over when it was sent.
    answers = sorted((operations[node].answered, node) for node in happened if operations[node].answered < float("inf"))
    sends = sorted((operations[node].sent, node) for node in happened)
    position, moment = 0, None
    for number, (sent, node) in enumerate(sends):
        overtaken = []
        while position < len(answers) and answers[position][0] < sent:
            overtaken.append(answers[position][1])
            position += 1
        if overtaken:
            previous, moment = moment, f"moment {number}"
            before[moment] = {*overtaken, *([previous] if previous else [])}
        if moment:
            before[node].add(moment)
    return before


# ---- the test


@pytest.mark.usefixtures("ours")
@pytest.mark.timeout(SECONDS * 4 + 120 + RECOVERY_SECONDS_MAX)
def test_transfers_are_serializable_and_happen_once_whatever_is_killed(new_server, tmp_path, figures):
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    place = Place()
    clients = [Client(number, seed, place) for number in range(CLIENTS)]
    server = new_server("magnetodb-api", tmp_path)
    open_bank(server.url)
    place.url = server.url
    place.up.set()
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()

    kills = 0
    until = time.monotonic() + SECONDS
    while not place.over.wait(min(rng.uniform(*SECONDS_BETWEEN_KILLS), max(0.0, until - time.monotonic()))):
        if time.monotonic() >= until:
            break
        place.up.clear()
        server.process.kill()
        server.process.wait()
        kills += 1
        server = new_server("magnetodb-api", tmp_path)
        place.url = server.url
        place.up.set()
    place.over.set()
    for thread in threads:
        thread.join()

    assert [] == [client.failure for client in clients if client.failure]
    auditor = Client("auditor", seed, place)
    final = settled_accounts(auditor)
    history = [operation for client in clients for operation in client.history]
    errors = history_errors(history, final)
    counts = sum((client.counts for client in clients), Counter())
    figures(
        f"bank: {kills} kills, {counts['transfers']} transfers ({counts['settled by retry']} settled by a retry with"
        f" their token), {counts['cancelled']} cancelled, {counts['single writes']} single writes,"
        f" {counts['snapshots']} snapshots, {counts['batch reads']} batch reads, {counts['conflicts']} conflicts;"
        f" {len(history)} operations checked, {len(errors)} errors (seed {seed})"
    )

    assert [] == [total for client in clients for total in client.broken_sums]
    assert sum(each.balance for each in final.values()) == MONEY * ACCOUNTS
    assert errors[:3] == []
    # On a cluster the rows of an index that a killed server still had to write are written by the others, later.
    over = time.monotonic()
    while index_of(auditor) != final and time.monotonic() < over + RECOVERY_SECONDS_MAX:
        threading.Event().wait(0.5)
    figures(f"bank: the index was in step {time.monotonic() - over:.1f} s after the last request")

    assert index_of(auditor) == final
    assert min(kills, counts["transfers"], counts["settled by retry"], counts["snapshots"]) > 0


def open_bank(url):
    """The table, with all accounts."""
    place = Place()
    place.url = url
    place.up.set()
    client = Client("opener", 0, place)
    client.asked("CreateTable", CREATE_TABLE)
    while client.asked("DescribeTable", {"TableName": TABLE})["Table"]["TableStatus"] != "ACTIVE":
        pass
    items = [
        {**key(name), "balance": {"N": str(MONEY)}, "version": {"N": "0"}, "mark": {"S": "start"}}
        for name in ALL_ACCOUNTS
    ]
    answer = client.asked(
        "BatchWriteItem", {"RequestItems": {TABLE: [{"PutRequest": {"Item": item}} for item in items]}}
    )

    assert {} == answer["UnprocessedItems"]


def settled_accounts(client):
    """All accounts at the end. On a cluster what a killed server had locked is free a few seconds later."""
    until = time.monotonic() + ANSWER_SECONDS_MAX
    while True:
        try:
            return client.all_accounts()[0]
        except Conflict:
            assert time.monotonic() < until


def index_of(client):
    """All accounts as the index has them; None while there is a row too few or too many."""
    rows = client.asked("Scan", {"TableName": TABLE, "IndexName": "by_mark"})["Items"]
    return dict(map(account, rows)) if len(rows) == ACCOUNTS else None


# ---- the checker is checked


def made(name, sent, answered, read=None, wrote=None):
    """An operation; accounts as (version, mark)."""

    def accounts(given):
        return {account_: Account(0, version, mark) for account_, (version, mark) in (given or {}).items()}

    return Operation(name, sent, answered, accounts(read), accounts(wrote))


START = (0, "start")
WRITE_X = made("write x", 0, 1, {"x": START}, {"x": (1, "a")})
WRITE_Y = made("write y", 0, 1, {"y": START}, {"y": (1, "b")})
WRITE_BOTH = made("write both", 0, 3, {"x": START, "y": START}, {"x": (1, "a"), "y": (1, "a")})
INFINITY = float("inf")
HISTORIES = {
    "one write and its read": ([WRITE_X, made("read", 2, 3, {"x": (1, "a")})], (1, 0), True),
    "stale read": ([WRITE_X, made("read", 2, 3, {"x": START})], (1, 0), False),
    "read at the same time": ([WRITE_X, made("read", 0.5, 3, {"x": START})], (1, 0), True),
    "half a transaction was seen": ([WRITE_BOTH, made("read", 0, 3, {"x": (1, "a"), "y": START})], (1, 1), False),
    "two orders of two writes": (
        [
            WRITE_X._replace(answered=9),
            WRITE_Y._replace(answered=9),
            made("read", 0, 9, {"x": (1, "a"), "y": START}),
            made("read", 0, 9, {"x": START, "y": (1, "b")}),
        ],
        (1, 1),
        False,
    ),
    "write skew": (
        [
            made("x for y", 0, 9, {"x": START, "y": START}, {"x": (1, "a")}),
            made("y for x", 0, 9, {"x": START, "y": START}, {"y": (1, "b")}),
        ],
        (1, 1),
        False,
    ),
    "lost write": ([WRITE_X], (0, 0), False),
    "two writers": ([WRITE_X, made("write x", 0, 1, {"x": START}, {"x": (1, "z")})], (1, 0), False),
    "half a transaction happened": ([WRITE_BOTH], (1, 0), False),
    "unanswered and not done": ([made("write x?", 0, INFINITY, {}, {"x": (1, "a")})], (0, 0), True),
    "unanswered and done": ([made("write x?", 0, INFINITY, {}, {"x": (1, "a")})], (1, 0), True),
    "unanswered, done, and undone": (
        [
            made("write x?", 0, INFINITY, {}, {"x": (1, "a")}),
            made("read", 2, 3, {"x": (1, "a")}),
            made("read", 4, 5, {"x": START}),
        ],
        (1, 0),
        False,
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_the_checker_knows_right_from_wrong(name):
    operations, versions, right = HISTORIES[name]
    marks = {("x", 1): "a", ("y", 1): "a" if name.startswith("half") else "b"}
    final = {
        account_: Account(0, version, marks.get((account_, version), "start"))
        for account_, version in zip("xy", versions, strict=True)
    }
    errors = history_errors(operations, final)

    assert right == (errors == []), errors
