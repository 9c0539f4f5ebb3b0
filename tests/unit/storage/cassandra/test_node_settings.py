"""What nodes have to be like, and what operators are told."""

import pytest

from magnetodb.storage.cassandra.node_settings import findings, release_number, size_bytes

GOOD = {"commitlog_sync": "batch", "paxos_variant": "v2", "batch_size_fail_threshold": "16MiB"}


def test_a_node_as_it_should_be_is_used_without_a_word():
    assert (None, (), 16 * 1024**2) == findings("10.0.0.1", "5.0.9", GOOD)


@pytest.mark.parametrize("release", ["4.1.3", "3.11.19", "4.0-rc1", ""])
def test_an_old_node_is_refused(release):
    refusal = findings("10.0.0.1", release, GOOD).refusal

    assert refusal == f"The node 10.0.0.1 is Cassandra {release}; MagnetoDB needs 5.0 or newer. Upgrade the cluster."


@pytest.mark.parametrize("release", ["5.0.0", "5.0-beta1", "5.1", "6.0.1"])
def test_newer_nodes_are_taken(release):
    assert findings("10.0.0.1", release, GOOD).refusal is None


def test_the_first_paxos_is_refused():
    refusal = findings("10.0.0.1", "5.0.9", GOOD | {"paxos_variant": "v1"}).refusal

    assert refusal == (
        "The node 10.0.0.1 has paxos_variant: v1. MagnetoDB needs v2: set `paxos_variant: v2` in cassandra.yaml of"
        " every node and restart them one after the other."
    )


def test_a_commit_log_that_loses_writes_is_warned_of():
    (warning,) = findings("10.0.0.1", "5.0.9", GOOD | {"commitlog_sync": "periodic"}).warnings

    assert warning.startswith(
        "The node 10.0.0.1 has commitlog_sync: periodic. Writes that were acknowledged can be lost"
    )
    assert "Set `commitlog_sync: batch`" in warning


def test_a_commit_log_that_is_synced_in_groups_is_as_good():
    assert () == findings("10.0.0.1", "5.0.9", GOOD | {"commitlog_sync": "group"}).warnings


def test_small_batches_are_warned_of_and_told():
    found = findings("10.0.0.1", "5.0.9", GOOD | {"batch_size_fail_threshold": "50KiB"})

    assert found.batch_bytes_max == 51200
    assert "refuses batches of more than 51200 bytes" in found.warnings[0]
    assert "batch_size_fail_threshold: 16MiB" in found.warnings[0]


def test_a_node_that_does_not_tell_its_settings_is_used():
    """The user may not be allowed to read them."""
    assert (None, (), None) == findings("10.0.0.1", "5.0.9", {"commitlog_sync": None})


@pytest.mark.parametrize(
    ("text", "size"), [("50KiB", 51200), ("1MiB", 1048576), ("7B", 7), (None, None), ("", None), ("many", None)]
)
def test_sizes_are_read_as_cassandra_writes_them(text, size):
    assert size == size_bytes(text)


def test_release_numbers_are_compared_as_numbers():
    assert release_number("5.0.10") > release_number("5.0.9") > release_number("5.0-beta1") == (5, 0)
