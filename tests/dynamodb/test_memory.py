"""magnetodb-api --memory: data that is gone with the server."""

import os
import shutil
from pathlib import Path

import boto3
import pytest

pytestmark = pytest.mark.data_file

PREFIX = "magnetodb-memory-"


@pytest.fixture
def server(ours, new_server, tmp_path):
    return new_server("magnetodb-api", tmp_path / "data", memory="true", durability="full")


def directory_of(server):
    """The directory in which a running server has its file open."""
    descriptors = Path(f"/proc/{server.process.pid}/fd").iterdir()
    [directory] = {path.parent for path in map(Path.readlink, descriptors) if path.parent.name.startswith(PREFIX)}
    return directory


def test_a_server_in_memory_serves_and_leaves_nothing(server, tmp_path):
    client = boto3.client(
        "dynamodb", "us-east-1", endpoint_url=server.url, aws_access_key_id="any", aws_secret_access_key="any"
    )
    key = {"AttributeName": "id", "AttributeType": "S"}
    client.create_table(
        TableName="orders",
        AttributeDefinitions=[key],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName="orders", Item={"id": {"S": "1"}})
    count = client.scan(TableName="orders")["Count"]
    directory = directory_of(server)
    exit_code = server.stop()

    assert (1, 0) == (count, exit_code)
    assert any("data is in memory" in line for line in server.output)
    assert not directory.exists()
    assert not os.path.exists(tmp_path / "data")


def test_a_server_that_is_killed_leaves_a_directory_that_nobody_has(server):
    """The next server removes it, once it is a minute old: tests/unit/storage/test_memory_directory.py."""
    directory = directory_of(server)
    server.process.kill()
    server.process.wait()
    left = {path.name for path in directory.iterdir()}
    shutil.rmtree(directory)

    assert {"magnetodb.sqlite", "magnetodb.lock"} <= left
