"""Sessions of a web site's users, in DynamoDB. A session expires by itself, by the table's time to live.

token   a session: whose it is, and until when it lasts
user    global index by_user: the sessions of a user, the one that lasts longest first
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key

TABLE = "sessions"
SESSION_SECONDS = 3600
TOKEN_BYTES = 16


class SessionLimitReached(Exception):
    """The user has as many sessions as one may have."""


def create_table(dynamodb: Any) -> Any:
    """The table, as a deployment makes it."""
    table = dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[
            {"AttributeName": "token", "AttributeType": "S"},
            {"AttributeName": "user", "AttributeType": "S"},
            {"AttributeName": "expires", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "token", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_user",
                "KeySchema": [
                    {"AttributeName": "user", "KeyType": "HASH"},
                    {"AttributeName": "expires", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    table.wait_until_exists()
    dynamodb.meta.client.update_time_to_live(
        TableName=TABLE, TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True}
    )
    return table


class Sessions:
    """All sessions. `now` gives seconds since the epoch. Without `dynamodb` the connection is made as AWS's environment
    variables and configuration files say."""

    def __init__(
        self, dynamodb: Any = None, *, sessions_per_user: int = 3, now: Callable[[], float] = time.time
    ) -> None:
        self._table = (dynamodb or boto3.resource("dynamodb")).Table(TABLE)
        self._sessions_per_user = sessions_per_user
        self._now = now

    def start(self, user: str) -> str:
        """The token of a new session. Raises SessionLimitReached."""
        if len(self.tokens(user)) >= self._sessions_per_user:
            raise SessionLimitReached(user)
        token = secrets.token_hex(TOKEN_BYTES)
        self._table.put_item(Item={"token": token, "user": user, "expires": self._end()})
        return token

    def user(self, token: str) -> str | None:
        """Whose session it is; None if there is none (any more)."""
        item = self._table.get_item(Key={"token": token}).get("Item")
        return item["user"] if item else None

    def prolong(self, token: str) -> bool:
        """Let a session last as long as a new one; False if it has ended."""
        try:
            self._table.update_item(
                Key={"token": token},
                UpdateExpression="SET expires = :end",
                ConditionExpression="attribute_exists(#token)",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={":end": self._end()},
            )
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def tokens(self, user: str) -> list[str]:
        """The sessions of a user, the one that lasts longest first."""
        answer = self._table.query(
            IndexName="by_user", KeyConditionExpression=Key("user").eq(user), ScanIndexForward=False
        )
        return [item["token"] for item in answer["Items"]]

    def end_all(self, user: str) -> None:
        """Sign a user out everywhere."""
        with self._table.batch_writer() as batch:
            for token in self.tokens(user):
                batch.delete_item(Key={"token": token})

    def _end(self) -> int:
        return int(self._now()) + SESSION_SECONDS
