"""compose.yaml cannot be run where there is no Docker: what it says is held against what it is said to."""

import json
import re
from pathlib import Path

import pytest
import yaml

from magnetodb.conf import configure
from tools.cassandra import Settings
from tools.cassandra.settings import cassandra_yaml

COMPOSE = Path(__file__).parents[3] / "compose.yaml"
DEMANDED = ("commitlog_sync", "paxos_variant", "batch_size_warn_threshold", "batch_size_fail_threshold")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(COMPOSE.read_text())["services"]


@pytest.mark.parametrize("name", ["cassandra1", "cassandra2", "cassandra3"])
def test_nodes_have_the_configuration_that_is_demanded(services, name):
    flags = services[name]["environment"]["JVM_EXTRA_OPTS"]
    configured = dict(re.findall(r"-Dcassandra\.settings\.(\w+)=(\S+)", flags))
    expected = json.loads(cassandra_yaml(Settings(), 1))

    assert {each: expected[each] for each in DEMANDED} == {each: configured[each] for each in DEMANDED}
    assert "-Dcassandra.config.allow_system_properties=true" in flags.split()


@pytest.mark.parametrize("name", ["magnetodb1", "magnetodb2"])
def test_servers_have_options_that_exist_and_nodes_that_exist(services, name):
    configuration = configure([], environment=services[name]["environment"])

    assert configuration.storage == "cassandra"
    assert configuration.cassandra_create_schema
    assert set(configuration.cassandra_contact_points) == {each for each in services if each.startswith("cassandra")}


def test_ports_are_this_machines_only(services):
    published = [port for service in services.values() for port in service.get("ports", [])]

    assert published == ["127.0.0.1:8480:8480", "127.0.0.1:8481:8480"]
