import json
from pathlib import Path

import pytest

from tools.cassandra.errors import ClusterError
from tools.cassandra.settings import Settings, argument_file, cassandra_yaml, jvm_flags


def test_settings_are_what_was_written():
    settings = Settings(3, "127.0.9.1", 9142, 7100, "orders", "1g", True, False, {"a": [1]}, ("-Xlog:gc",))

    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("nodes", [0, 2, 4])
def test_a_cluster_has_one_or_three_nodes(nodes):
    with pytest.raises(ClusterError, match=f"1 or 3 nodes, not {nodes}"):
        Settings(nodes=nodes)


@pytest.mark.parametrize("address", ["10.0.0.1", "localhost", "::1", "127.255.255.254", ""])
def test_nodes_have_loopback_addresses_only(address):
    with pytest.raises(ClusterError):
        Settings(nodes=3, address=address)


def test_nodes_have_addresses_one_after_the_other():
    assert Settings(nodes=3, address="127.0.0.254").addresses == ("127.0.0.254", "127.0.0.255", "127.0.1.0")


def test_every_node_is_a_seed():
    configuration = json.loads(cassandra_yaml(Settings(nodes=3, storage_port=7100), 2))

    assert configuration["listen_address"] == "127.0.0.2"
    (provider,) = configuration["seed_provider"]
    assert provider["parameters"] == [{"seeds": "127.0.0.1:7100,127.0.0.2:7100,127.0.0.3:7100"}]


def test_lines_of_the_configuration_are_replaced_added_and_removed():
    lines = {"commitlog_sync": "periodic", "hinted_handoff_enabled": False, "paxos_variant": None}
    configuration = json.loads(cassandra_yaml(Settings(configuration=lines), 1))

    assert configuration["commitlog_sync"] == "periodic"
    assert configuration["hinted_handoff_enabled"] is False
    assert "paxos_variant" not in configuration


@pytest.mark.parametrize(
    ("settings", "light", "forgetful"),
    [(Settings(), False, False), (Settings(light=True), True, False), (Settings(quick=True), True, True)],
)
def test_only_a_quick_cluster_may_forget_its_schema(settings, light, forgetful):
    flags = jvm_flags(settings, Path("/node"), agent=Path("/jamm.jar"), archive=None)

    assert ("-XX:TieredStopAtLevel=1" in flags) == light
    assert ("-Dcassandra.unsafesystem=true" in flags) == forgetful


def test_own_flags_of_the_jvm_come_last():
    flags = jvm_flags(Settings(jvm_flags=("-Xmx1g",)), Path("/node"), agent=Path("/jamm.jar"), archive=Path("/a.jsa"))

    assert flags[-1] == "-Xmx1g"


def test_arguments_in_a_file_are_quoted():
    assert argument_file(["-Dpath=/a b", 'say "\\"']) == '"-Dpath=/a b"\n"say \\"\\\\\\""\n'
