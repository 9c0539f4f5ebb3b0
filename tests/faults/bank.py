"""The bank of tests/dynamodb/test_transactions_survive_kills.py on several servers: its clients, and its check of their
history."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from tests.dynamodb.test_transactions_survive_kills import (
    ACCOUNTS,
    CREATE_TABLE,
    MONEY,
    TABLE,
    Account,
    Client,
    Gone,
    history_errors,
    index_of,
    open_bank,
)

__all__ = ["CREATE_TABLE", "TABLE", "Bank", "BankClient", "open_bank"]

PAUSE_SECONDS: Final = 0.4
RETRY_SECONDS: Final = 0.2


class Places:
    """Where a client asks: any of the servers, and the next one when that is gone. Transfers under way are settled when
    all is over, until `settled`."""

    def __init__(self, urls: Sequence[str], over: threading.Event, settled: threading.Event) -> None:
        self.over = over
        self._urls = urls
        self._at = 0
        self._settled = settled

    def wait(self) -> str | None:
        """The URL; None when nothing is to be settled any more."""
        return None if self._settled.is_set() else self._urls[self._at % len(self._urls)]

    def choose(self, choose: random.Random) -> None:
        """One of them, at random."""
        self._at = choose.randrange(len(self._urls))

    def move(self) -> None:
        """The next time another server."""
        self._at += 1


class BankClient(Client):
    """A client of the bank that takes an error of the service for a lost answer, and tries again on a conflict."""

    def __init__(self, number: int, seed: int, places: Places, errors: Counter[str], in_haste: threading.Event) -> None:
        super().__init__(number, seed, places)
        self.name = f"bank {number}"
        self.errors = errors
        self.in_haste = in_haste
        self.unknown = 0

    def run(self) -> None:
        """Until all is over; failures are raised."""
        while not self.place.over.is_set():
            self.place.choose(self.random)
            self.step()
            if not self.in_haste.is_set():
                self.place.over.wait(self.random.expovariate(1 / PAUSE_SECONDS))

    def ask(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """See Client."""
        try:
            status, answer = super().ask(operation, request)
        except Gone:
            self.unknown += 1
            self.place.move()
            self.place.over.wait(RETRY_SECONDS * random.random())
            raise
        error = str(answer.get("__type", "")).rpartition("#")[2]
        if status >= 500 or error in ("ThrottlingException", "TransactionConflictException"):
            self.errors[error] += 1
        elif not answer.get("UnprocessedKeys") and not any(
            reason["Code"] == "TransactionConflict" for reason in answer.get("CancellationReasons", ())
        ):
            return status, answer
        self.unknown += status >= 500
        self.place.over.wait(RETRY_SECONDS * random.random())
        raise Gone


class Bank:
    """All clients of it."""

    def __init__(self, count: int, seed: int, urls: Sequence[str], over: threading.Event, errors: Counter[str]) -> None:
        self.settled = threading.Event()
        self.in_haste = threading.Event()
        """While it is set clients do not pause, and often meet the same accounts."""

        self._auditor = Client("auditor", seed, Places(urls, over, threading.Event()))
        self.clients = [
            BankClient(number, seed, Places(urls, over, self.settled), errors, self.in_haste) for number in range(count)
        ]

    @property
    def counts(self) -> Counter[str]:
        """What the clients did."""
        return sum((client.counts for client in self.clients), Counter())

    @property
    def operations(self) -> int:
        """Nodes of the history."""
        return sum(len(client.history) for client in self.clients)

    def violations(self) -> list[str]:
        """What is wrong with the history and the sums."""
        final, _ = self._auditor.all_accounts()
        history = [operation for client in self.clients for operation in client.history]
        found = [f"a snapshot's sum was {total}" for client in self.clients for total in client.broken_sums]
        if sum(account.balance for account in final.values()) != MONEY * ACCOUNTS:
            found.append("the last sum is wrong")
        return found + list(history_errors(history, final))

    def index_differences(self) -> int:
        """Accounts that the index has otherwise than the table."""
        final, _ = self._auditor.all_accounts()
        index: dict[str, Account] = index_of(self._auditor)
        return sum(index.get(name) != account for name, account in final.items())
