"""Asks servers by boto3, one try a request, and tells what is known of a request's effect."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

ANSWER_SECONDS_MAX: Final = 60
CONNECT_SECONDS_MAX: Final = 5
CONNECTIONS: Final = 64
RETRY_SECONDS: Final = (0.05, 1.0)
"""Before the second try, doubled before each further one up to the second figure: as SDKs do."""

NOT_DONE_CODES: Final = ("ThrottlingException", "TransactionConflictException")


class Outcome(Enum):
    """What is known of a request."""

    DONE = "done"
    REFUSED = "refused by its condition"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


class Asked(NamedTuple):
    """A request that is over. `answer`: of a refused one the error. Times are of the monotonic clock."""

    outcome: Outcome
    answer: dict[str, Any]
    sent: float
    answered: float
    timed_out: bool = False
    """Nothing came in ANSWER_SECONDS_MAX."""


class Clients:
    """boto3's clients of the servers, for all threads. `seen`: codes of errors, and how often."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.over = threading.Event()
        self.errors: Counter[str] = Counter()
        self._clients = [client_of(url) for url in urls]

    def ask(self, operation: str, choose: random.Random, **members: object) -> Asked:
        """Ask one of the servers; where it does not listen, the next one, as a load balancer would."""
        clients = choose.sample(self._clients, len(self._clients))
        sent = time.monotonic()
        for client in clients:
            sent = time.monotonic()
            try:
                answer = getattr(client, operation)(**members)
            except EndpointConnectionError:
                continue
            except ClientError as error:
                code = error.response["Error"]["Code"]
                return Asked(self._outcome(code, error), error.response, sent, time.monotonic())
            except BotoCoreError as error:
                self.errors[type(error).__name__] += 1
                late = time.monotonic() - sent >= ANSWER_SECONDS_MAX
                return Asked(Outcome.UNKNOWN, {}, sent, time.monotonic(), late)
            return Asked(Outcome.DONE, answer, sent, time.monotonic())
        self.errors["no server listens"] += 1
        return Asked(Outcome.NOT_DONE, {}, sent, time.monotonic())

    def pause(self, attempt: int) -> None:
        """Before the next try of a request, from 0."""
        first, longest = RETRY_SECONDS
        self.over.wait(min(first * 2**attempt, longest) * random.uniform(0.5, 1.5))

    def _outcome(self, code: str, error: ClientError) -> Outcome:
        if code == "ConditionalCheckFailedException":
            return Outcome.REFUSED
        self.errors[code] += 1
        if code in NOT_DONE_CODES:
            return Outcome.NOT_DONE
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise error
        return Outcome.UNKNOWN


def client_of(url: str) -> Any:
    """A client that does not retry."""
    return boto3.session.Session().client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(
            retries={"total_max_attempts": 1},
            max_pool_connections=CONNECTIONS,
            connect_timeout=CONNECT_SECONDS_MAX,
            read_timeout=ANSWER_SECONDS_MAX,
        ),
    )
