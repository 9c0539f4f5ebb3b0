"""magnetodb-manage while a server runs: what reads works beside it, what writes says why it does not."""

import subprocess
import sys

import boto3
import orjson
import pytest
from botocore.config import Config

pytestmark = pytest.mark.data_file

COMMAND = [sys.executable, "-m", "magnetodb.commands.manage"]
SECONDS_MAX = 60


@pytest.fixture
def server(ours, new_server, tmp_path):
    return new_server("magnetodb-api", tmp_path / "data")


def client_of(url, key_id="any", secret="any"):
    return boto3.session.Session().client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def fill(client, count, table="orders"):
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "state", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_state",
                "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        Tags=[{"Key": "owner", "Value": "ada"}],
    )
    for number in range(count):
        client.put_item(TableName=table, Item={"pk": {"S": str(number)}, "state": {"S": "new"}})


@pytest.fixture
def manage(tmp_path):
    """manage(*words) -> (exit code, standard output, standard error)"""

    def run(*words, **environment):
        command = [*COMMAND, *[str(word) for word in words]]
        if "--url" not in words:
            command += ["--data-dir", str(tmp_path / "data")]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_MAX, env={"PATH": "/usr/bin:/bin", **environment}
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_what_only_reads_works_beside_a_server(server, manage, tmp_path):
    fill(client_of(server.url), 50)
    listed, shown = manage("tables", "list"), manage("tables", "show", "orders")
    checked = manage("index", "check")
    exported = manage("export", "orders", tmp_path / "orders.json")
    copied = manage("backup", tmp_path / "copy")

    assert (0, "orders\n", "") == listed
    assert {"owner": "ada"} == orjson.loads(shown[1])["Tags"]
    assert (0, "orders by_state: 50 items, 50 index rows, 0 differences\n0 differences\n", "") == checked
    assert (0, 50) == (exported[0], len((tmp_path / "orders.json").read_text().splitlines()))
    assert (0, True) == (copied[0], copied[1].endswith("verified\n"))


def test_what_a_killed_server_left_is_read_too(server, manage):
    """Its last writes are in the log beside the file."""
    fill(client_of(server.url), 20)
    server.process.kill()
    server.process.wait()

    assert (0, "orders by_state: 20 items, 20 index rows, 0 differences\n0 differences\n", "") == manage(
        "index", "check"
    )


@pytest.mark.parametrize(
    "words", [("index", "repair"), ("restore", "{copy}", "--force"), ("import", "orders", "{file}")]
)
def test_what_writes_says_who_has_the_file(server, manage, tmp_path, words):
    fill(client_of(server.url), 1)
    manage("backup", tmp_path / "copy")
    (tmp_path / "file").write_text("")
    places = {"copy": tmp_path / "copy", "file": tmp_path / "file"}
    code, _, message = manage(*[word.format(**places) for word in words])

    assert 1 == code
    assert f"in use by another server (process {server.process.pid})" in message
    assert ("--url" in message) is (words[0] == "import")


def test_a_backup_restored_elsewhere_is_served(server, new_server, manage, tmp_path):
    fill(client_of(server.url), 30)
    manage("backup", tmp_path / "copy")
    client_of(server.url).delete_table(TableName="orders")
    server.stop()
    code, _, _ = manage("restore", tmp_path / "copy", "--force")
    restored = client_of(new_server("magnetodb-api", tmp_path / "data").url)

    assert 0 == code
    assert 30 == restored.scan(TableName="orders")["Count"]


def test_a_table_travels_from_server_to_server_with_signatures(ours, servers, server, manage, tmp_path):
    signed = servers("magnetodb-api", auth="sigv4", access_keys="AK:s3cret:orders:member")
    fill(client_of(server.url), 60)
    target = client_of(signed.url, "AK", "s3cret")
    fill(target, 0)
    file = tmp_path / "orders.json.gz"
    exported = manage("export", "orders", file, "--url", server.url)
    wrong = manage("import", "orders", file, "--url", signed.url)
    keys = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    imported = manage("import", "orders", file, "--url", signed.url, **keys)

    assert (0, 0) == (exported[0], imported[0])
    assert (1, True) == (wrong[0], "UnrecognizedClientException" in wrong[2])
    assert 60 == target.scan(TableName="orders")["Count"]
