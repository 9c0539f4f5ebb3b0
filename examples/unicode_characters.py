"""The characters of Unicode, from Python's copy of its database: over 30,000 items with three indexes, written
and then compared, item by item, with the database itself.

    page  code    a character; a page is 256 of them, as the code charts print them
    page  name    local index by_name: the characters of a page in alphabetical order
    category code global index by_category: Lu, Nd, Sm, ...
    word  name    global index by_word: by the first word of the name: LATIN, GREEK, ARROW, ...

Left out are ideographs and syllables whose names are worked out from their numbers.
"""

import argparse
import sys
import threading
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import boto3
from botocore.config import Config

TABLE = "characters"
CLIENTS = 4
SEGMENTS = 4
NUMBERED = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HANGUL SYLLABLE", "TANGUT IDEOGRAPH")
Item = dict[str, Any]


def characters() -> Iterator[Item]:
    """Every named character as an item."""
    for code in range(sys.maxunicode + 1):
        name = unicodedata.name(chr(code), "")
        if name and not name.startswith(NUMBERED):
            yield character(chr(code), code, name)


def character(text: str, code: int, name: str) -> Item:
    """What the database says of one character. Attributes that do not apply are left out."""
    item: Item = {
        "page": {"S": f"U+{code >> 8:04X}"},
        "code": {"N": str(code)},
        "name": {"S": name},
        "word": {"S": name.split()[0].split("-")[0]},
        "category": {"S": unicodedata.category(text)},
        "utf8": {"B": text.encode()},
        "mirrored": {"BOOL": bool(unicodedata.mirrored(text))},
        "forms": {"M": {form: {"S": unicodedata.normalize(form, text)} for form in ("NFC", "NFD", "NFKC", "NFKD")}},
        "cases": {"L": [{"S": text.upper()}, {"S": text.lower()}, {"S": text.title()}]},
    }
    numeric = unicodedata.numeric(text, None)
    if numeric is not None:
        item["numeric"] = {"S": repr(numeric)}
    return {**item, "words": {"SS": sorted(set(name.split()))}}


def create_table(client: Any) -> None:
    """A new table; an old one of its name is deleted."""
    if TABLE in client.list_tables()["TableNames"]:
        client.delete_table(TableName=TABLE)
        client.get_waiter("table_not_exists").wait(TableName=TABLE)
    types = {"page": "S", "code": "N", "name": "S", "category": "S", "word": "S"}
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        KeySchema=key_schema("page", "code"),
        LocalSecondaryIndexes=[index("by_name", "page", "name", {"ProjectionType": "KEYS_ONLY"})],
        GlobalSecondaryIndexes=[
            index("by_category", "category", "code", {"ProjectionType": "ALL"}),
            index("by_word", "word", "name", {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["utf8"]}),
        ],
    )
    client.get_waiter("table_exists").wait(TableName=TABLE)


def index(name: str, partition: str, sort: str, projection: Item) -> Item:
    """A local or global index."""
    return {"IndexName": name, "KeySchema": key_schema(partition, sort), "Projection": projection}


def key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    """A partition key and a sort key."""
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def load(make_client: Callable[[], Any], items: Sequence[Item]) -> None:
    """Put every item once, by several clients. A client of boto3 may be used by several threads, but is slow at it."""
    local = threading.local()

    def put(item: Item) -> None:
        if not hasattr(local, "client"):
            local.client = make_client()
        local.client.put_item(TableName=TABLE, Item=item, ConditionExpression="attribute_not_exists(page)")

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(put, items):
            pass


def compare(client: Any, items: Sequence[Item]) -> list[str]:
    """Read everything back on every way; a sentence for each answer that is not what was written."""
    ways = {
        "Scan": [("of all segments", by_code(items), by_code(scanned(client)))],
        "Query": grouped(items, "page", "code", queried(client, None, "page")),
        "Query of by_name": grouped(keys(items, "name"), "page", "name", queried(client, "by_name", "page")),
        "Query of by_category": grouped(items, "category", "code", queried(client, "by_category", "category")),
        "Query of by_word": grouped(
            keys(items, "name", "word", "utf8"), "word", "name", queried(client, "by_word", "word")
        ),
    }
    differences = []
    for way, answers in ways.items():
        partitions = read = 0
        for what, expected, actual in answers:
            partitions += 1
            read += len(actual)
            if expected != actual:
                differences.append(f"{way} {what}: {len(expected)} items were written, {len(actual)} others read")
        print(f"{way}: {read} items" + (f" of {partitions} partitions" if partitions > 1 else ""))
    return differences


def grouped(
    items: Sequence[Item], partition: str, sort: str, query: Callable[[str], Sequence[Item]]
) -> Iterator[tuple[str, Sequence[Item], Sequence[Item]]]:
    """For each partition: what it should hold, in the order of the sort key, and what a query gives."""
    expected: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        expected[item[partition]["S"]].append(item)
    for value, members in expected.items():
        yield value, sorted(members, key=lambda item: sort_value(item[sort])), query(value)


def sort_value(value: dict[str, str]) -> int | bytes:
    """Numbers by value, strings by their UTF-8 bytes."""
    return int(value["N"]) if "N" in value else value["S"].encode()


def keys(items: Sequence[Item], *names: str) -> list[Item]:
    """The items with their key and these attributes only."""
    return [{name: item[name] for name in ("page", "code", *names)} for item in items]


def by_code(items: Sequence[Item]) -> list[Item]:
    """Sorted by code."""
    return sorted(items, key=lambda item: int(item["code"]["N"]))


def scanned(client: Any) -> list[Item]:
    """The whole table, its segments side by side."""

    def segment(number: int) -> list[Item]:
        pages = client.get_paginator("scan").paginate(TableName=TABLE, Segment=number, TotalSegments=SEGMENTS)
        return [item for page in pages for item in page["Items"]]

    with ThreadPoolExecutor(SEGMENTS) as pool:
        return [item for items in pool.map(segment, range(SEGMENTS)) for item in items]


def queried(client: Any, index_name: str | None, partition: str) -> Callable[[str], list[Item]]:
    """A function that gives all items of a partition of the table or an index."""
    where = {} if index_name is None else {"IndexName": index_name}

    def query(value: str) -> list[Item]:
        pages = client.get_paginator("query").paginate(
            TableName=TABLE,
            KeyConditionExpression="#partition = :value",
            ExpressionAttributeNames={"#partition": partition},
            ExpressionAttributeValues={":value": {"S": value}},
            **where,
        )
        return [item for page in pages for item in page["Items"]]

    return query


def main() -> int:
    """The exit code: 0, or 1 where something read differs from what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint-url", default="http://127.0.0.1:8480")
    parser.add_argument("--limit", type=int, help="only so many characters")
    parser.add_argument("--keep", action="store_true", help="do not delete the table in the end")
    options = parser.parse_args()

    def make_client() -> Any:
        return boto3.session.Session().client(
            "dynamodb",
            endpoint_url=options.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(max_pool_connections=CLIENTS),
        )

    client = make_client()
    items = list(islice(characters(), options.limit))
    create_table(client)
    start = time.perf_counter()
    load(make_client, items)
    seconds = time.perf_counter() - start
    print(f"{len(items)} characters of Unicode {unicodedata.unidata_version} written in {seconds:.1f} s")
    differences = compare(client, items)
    print("\n".join(differences) or "everything read is as it was written")
    if not options.keep:
        client.delete_table(TableName=TABLE)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
