"""A forum with models of PynamoDB (https://pynamodb.readthedocs.io): nothing in them knows of MagnetoDB but `host`.

Covers its tutorial: attributes of every kind, a global and a local index, conditions, updates, versions, pages.
"""

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.exceptions import DoesNotExist, PutError, UpdateError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection, LocalSecondaryIndex
from pynamodb.models import Model

HOST = "http://127.0.0.1:8480"
STARTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class ByViews(LocalSecondaryIndex["Thread"]):
    """The threads of a forum by how often they were read."""

    class Meta:
        """See PynamoDB."""

        index_name = "by_views"
        projection = AllProjection()

    forum = UnicodeAttribute(hash_key=True)
    views = NumberAttribute(range_key=True)


class ByAuthor(GlobalSecondaryIndex["Thread"]):
    """The threads of an author by time."""

    class Meta:
        """See PynamoDB."""

        index_name = "by_author"
        projection = IncludeProjection(["views"])
        billing_mode = "PAY_PER_REQUEST"

    author = UnicodeAttribute(hash_key=True)
    last_post = UTCDateTimeAttribute(range_key=True)


class Origin(MapAttribute[str, Any]):
    """Where a thread was started."""

    address = UnicodeAttribute()
    mobile = BooleanAttribute(default=False)


class Thread(Model):
    """A thread of a forum."""

    class Meta:
        """See PynamoDB."""

        table_name = "threads"
        host = HOST
        region = "us-east-1"
        aws_access_key_id = "any"
        aws_secret_access_key = "any"
        billing_mode = "PAY_PER_REQUEST"

    forum = UnicodeAttribute(hash_key=True)
    subject = UnicodeAttribute(range_key=True)
    author = UnicodeAttribute()
    views = NumberAttribute(default=0)
    last_post = UTCDateTimeAttribute()
    tags = UnicodeSetAttribute(null=True)
    scores = NumberSetAttribute(null=True)
    replies: ListAttribute[Any] = ListAttribute(default=list)
    origin = Origin(null=True)
    settings = JSONAttribute(null=True)
    picture = BinaryAttribute(legacy_encoding=False, null=True)
    version = VersionAttribute()
    by_views = ByViews()
    by_author = ByAuthor()


def main() -> None:
    """Make the table, use it, delete it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint-url", default=HOST)
    Thread.Meta.host = parser.parse_args().endpoint_url
    if not Thread.exists():
        Thread.create_table(wait=True)
    try:
        write()
        change()
        read()
    finally:
        Thread.delete_table()
    print("exists:", Thread.exists())


def write() -> None:
    """Forty threads of two authors."""
    for number in range(40):
        Thread(
            "Databases",
            f"Question {number:02d}",
            author="ada" if number % 4 else "grace",
            views=number * 7 % 40,
            last_post=STARTED + timedelta(hours=number),
            tags={"sql", "keys"} if number % 2 else None,
            scores={1, 2.5, number},
            replies=["first", number, {"nested": [True, None]}],
            origin=Origin(address="192.0.2.1"),
            settings={"sticky": bool(number % 3)},
            picture=bytes([number, 0, 255]),
        ).save()
    thread = Thread.get("Databases", "Question 03", consistent_read=True)
    print("read back:", sorted(thread.tags), sorted(thread.scores), thread.replies, thread.picture, thread.version)
    print("nested:", thread.origin.address, thread.origin.mobile, thread.settings, thread.last_post.isoformat())


def change() -> None:
    """Updates, conditions and the version that two writers race for."""
    mine, theirs = Thread.get("Databases", "Question 05"), Thread.get("Databases", "Question 05")
    mine.update(
        actions=[
            Thread.views.set(Thread.views + 100),
            Thread.replies.set(Thread.replies.append(["late"])),
            Thread.tags.delete({"sql"}),
            Thread.scores.add({99}),
            Thread.settings.remove(),
        ],
        condition=Thread.author == "ada",
    )
    print("changed:", mine.views, mine.replies[-1], mine.tags, max(mine.scores), mine.settings, mine.version)
    try:
        theirs.save()
    except PutError as error:
        print("an old version:", error.cause_response_code)
    try:
        mine.update(actions=[Thread.views.set(0)], condition=Thread.views.between(1, 10) | Thread.tags.contains("sql"))
    except UpdateError as error:
        print("a condition that is false:", error.cause_response_code)
    mine.delete(condition=Thread.author.startswith("a") & Thread.origin.address.exists())
    try:
        Thread.get("Databases", "Question 05")
    except DoesNotExist:
        print("deleted")


def read() -> None:
    """Queries of the table and both indexes, in pages; scans."""
    found = Thread.query("Databases", Thread.subject.between("Question 10", "Question 19"), Thread.views > 20)
    print("query:", [thread.subject for thread in found])
    print(
        "most read:", [thread.views for thread in Thread.by_views.query("Databases", scan_index_forward=False, limit=3)]
    )
    first = Thread.by_author.query("grace", limit=4, page_size=2)
    print("of grace:", [thread.subject for thread in first], first.last_evaluated_key["subject"])
    rest = Thread.by_author.query("grace", last_evaluated_key=first.last_evaluated_key)
    print("and then:", [thread.subject for thread in rest])
    print("count:", Thread.count("Databases"), Thread.by_author.count("ada"))
    segments = [list(Thread.scan(segment=segment, total_segments=3)) for segment in range(3)]
    print("scan:", sum(map(len, segments)), "of which tagged:", sum(1 for _ in Thread.scan(Thread.tags.exists())))


if __name__ == "__main__":
    main()
