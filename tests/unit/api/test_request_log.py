"""The line of JSON for each request."""

import io

import orjson
import pytest

from magnetodb.api.request_log import RequestLog, named_tables
from magnetodb.errors import StorageUnavailable

REQUEST = {
    "request_id": "R",
    "operation": "PutItem",
    "parameters": {"TableName": "orders", "Item": {"card": {"S": "4111"}}},
    "user": "ada",
    "status": 200,
    "error": "",
    "microseconds": 55,
    "bytes_in": 100,
    "bytes_out": 2,
}


def lines(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_a_line_says_how_a_request_went_and_nothing_of_its_items(tmp_path):
    log = RequestLog.open(str(tmp_path / "log"))
    log.write(**REQUEST)
    log.close()
    [line] = lines(tmp_path / "log")
    assert line.pop("time") > 0

    assert {
        "request_id": "R",
        "operation": "PutItem",
        "table": "orders",
        "user": "ada",
        "status": 200,
        "error": None,
        "microseconds": 55,
        "bytes_in": 100,
        "bytes_out": 2,
    } == line


def test_lines_come_in_order_and_behind_those_that_are_there(tmp_path):
    for start in (0, 5000):
        log = RequestLog.open(str(tmp_path / "log"))
        for number in range(start, start + 5000):
            log.write(**REQUEST | {"microseconds": number})
        log.close()

    assert list(range(10_000)) == [line["microseconds"] for line in lines(tmp_path / "log")]


@pytest.mark.parametrize(
    ("parameters", "tables"),
    [
        ({}, None),
        ({"TableName": "a"}, "a"),
        ({"TableName": {"S": "a secret"}}, None),
        ({"TableName": "x" * 300}, "x" * 255),
        (
            {"ResourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/a"},
            "arn:aws:dynamodb:us-east-1:000000000000:table/a",
        ),
        ({"RequestItems": {"a": [], "b": []}}, ["a", "b"]),
        ({"RequestItems": 5}, None),
        ({"TransactItems": [{"Put": {"TableName": "b"}}, {"Get": {"TableName": "a"}}, 7, {"Put": 1}]}, ["a", "b"]),
        ({"TransactItems": {"Put": 1}}, None),
    ],
)
def test_the_tables_of_a_request_are_named(parameters, tables):
    assert tables == named_tables(parameters)


class Full(io.RawIOBase):
    """A disk without space."""

    def write(self, data):
        raise OSError(28, "No space left on device")


def test_a_full_disk_costs_lines_and_nothing_else():
    log = RequestLog(Full())
    log.write(**REQUEST)
    log.close()

    assert 1 == log.dropped


def test_a_file_that_cannot_be_opened_is_a_sentence(tmp_path):
    with pytest.raises(StorageUnavailable, match="cannot be written"):
        RequestLog.open(str(tmp_path / "missing" / "log"))
