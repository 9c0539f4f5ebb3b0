"""What an operator sees of a running server: /metrics, the whole health check, the request log; on both fronts."""

import http.client
import json
import os
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

KEYS = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
}


def get(url, path):
    """(status, content type, body)"""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.getheader("Content-Type"), body


@pytest.fixture
def server(ours, front, new_server, tmp_path):
    return new_server(front, tmp_path / "data", request_log=tmp_path / "requests.log")


@pytest.fixture
def own_client(server):
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "dynamodb",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def figures_of(server):
    """figures_of() -> {(sample, sorted labels): value}"""

    def figures():
        status, content_type, text = get(server.url, "/metrics")
        assert (200, True) == (status, content_type.startswith("text/plain"))
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    return figures


def labels(**values):
    return tuple(sorted(values.items()))


def test_requests_errors_capacity_and_commits_are_counted(own_client, figures_of, refusal):
    own_client.create_table(TableName="orders", BillingMode="PAY_PER_REQUEST", **KEYS)
    for number in range(5):
        own_client.put_item(TableName="orders", Item={"pk": {"S": str(number)}, "x": {"S": "y" * 1500}})
    own_client.get_item(TableName="orders", Key={"pk": {"S": "1"}})
    own_client.scan(TableName="orders", ConsistentRead=True)
    refusal(own_client.get_item, TableName="nothing", Key={"pk": {"S": "1"}})
    figures = figures_of()
    orders = {"project": "default", "table": "orders", "index": ""}

    assert 5 == figures["magnetodb_request_seconds_count", labels(operation="PutItem", error="")]
    assert 1 == figures["magnetodb_request_seconds_count", labels(operation="GetItem", error="")]
    failed = labels(operation="GetItem", error="ResourceNotFoundException")
    assert 1 == figures["magnetodb_request_seconds_count", failed]
    assert 10 == figures["magnetodb_consumed_capacity_units_total", labels(kind="write", **orders)]
    assert 0.5 + 2 == figures["magnetodb_consumed_capacity_units_total", labels(kind="read", **orders)]
    if "MAGNETODB_TEST_CASSANDRA" not in os.environ:
        assert figures["magnetodb_commit_batches_count", ()] >= 5
    assert any(name == "magnetodb_job_status" and value for (name, _), value in figures.items())


def test_operations_that_are_not_served_are_counted_as_unknown(server, wire_of, figures_of):
    wire = wire_of(server)
    for operation in ("MakeCoffee", "MakeTea"):
        wire.exchange(wire.request(operation))
    unknown = labels(operation="unknown", error="UnknownOperationException")

    assert 2 == figures_of()["magnetodb_request_seconds_count", unknown]


def test_connections_are_counted(front, figures_of):
    if front != "magnetodb-api":
        pytest.skip("gunicorn's connections are its own")

    assert figures_of()["magnetodb_connections", ()] >= 1


@pytest.mark.parametrize(("metrics", "status"), [("loopback", 200), ("everybody", 200), ("nobody", 404)])
def test_who_may_read_the_metrics_is_an_option(ours, front, servers, metrics, status):
    assert status == get(servers(front, metrics=metrics).url, "/metrics")[0]


def test_the_whole_check_reads_and_commits(server):
    live, whole = get(server.url, "/healthcheck"), get(server.url, "/healthcheck?fullcheck=true")

    assert (200, "text/plain", "healthy: dynamodb.us-east-1.amazonaws.com ") == whole
    assert live == whole


def test_a_line_for_each_request_has_the_id_that_the_client_got_and_no_value(server, own_client, refusal, tmp_path):
    own_client.create_table(TableName="orders", BillingMode="PAY_PER_REQUEST", **KEYS)
    put = own_client.put_item(TableName="orders", Item={"pk": {"S": "top secret"}, "x": {"S": "very secret"}})
    refusal(own_client.delete_item, TableName="orders", Key={"other": {"S": "secret, too"}})
    server.stop()
    text = (tmp_path / "requests.log").read_text()
    created, written, refused = [json.loads(line) for line in text.splitlines()]

    assert "secret" not in text
    assert ("CreateTable", "orders", 200) == (created["operation"], created["table"], created["status"])
    assert put["ResponseMetadata"]["RequestId"] == written["request_id"]
    assert (400, "ValidationException") == (refused["status"], refused["error"])
    assert written["microseconds"] > 0
    assert (2, 200) == (written["bytes_out"], written["status"])
