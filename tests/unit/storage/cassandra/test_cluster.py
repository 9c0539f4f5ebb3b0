"""What an operator is told of a cluster that cannot be used; what needs a node is in tests/storage."""

import pytest
from cassandra import AuthenticationFailed, OperationTimedOut
from cassandra.metadata import NetworkTopologyStrategy, SimpleStrategy

from magnetodb.errors import ClusterError, StorageUnavailable
from magnetodb.storage.cassandra.cluster import READ_RETRIES_MAX, ReadRetryPolicy, copies_refusal, unreachable
from magnetodb.storage.cassandra.cluster_options import ClusterOptions

OPTIONS = ClusterOptions(("10.0.0.1", "10.0.0.2"))
LET_IN = ClusterOptions(("10.0.0.1",), username="magnetodb", password="secret")


def test_a_wrong_password_is_the_operators_affair():
    error = unreachable({"10.0.0.1:9042": AuthenticationFailed("Provided username or password incorrect")}, LET_IN)

    assert type(error) is ClusterError
    assert str(error) == (
        "The node 10.0.0.1:9042 does not let in the user magnetodb: Provided username or password incorrect."
        " Check cassandra_username and cassandra_password."
    )


def test_a_node_that_asks_for_a_user_where_none_is_given():
    error = unreachable({"10.0.0.1:9042": AuthenticationFailed("Remote end requires authentication")}, OPTIONS)

    assert type(error) is ClusterError
    assert str(error) == "The node 10.0.0.1:9042 asks for a user. Set cassandra_username and cassandra_password."


def test_a_certificate_that_is_not_known():
    cause = OSError(1, "Last error: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error = unreachable({"10.0.0.1:9042": cause}, OPTIONS)

    assert type(error) is ClusterError
    assert str(error).endswith("Check cassandra_tls_ca.")


def test_nodes_that_do_not_answer_may_come():
    causes = {"10.0.0.1:9042": ConnectionRefusedError(111, "refused"), "10.0.0.2:9042": OperationTimedOut()}
    error = unreachable(causes, OPTIONS)

    assert type(error) is StorageUnavailable
    assert str(error).startswith("No Cassandra node answers at 10.0.0.1, 10.0.0.2, port 9042 (10.0.0.1:9042: ")


def test_a_password_is_not_printed():
    assert "secret" not in repr(LET_IN)


@pytest.mark.parametrize(
    ("strategy", "is_refused"),
    [
        (NetworkTopologyStrategy({"dc1": "3"}), False),
        (NetworkTopologyStrategy({"dc2": "3"}), True),
        (NetworkTopologyStrategy({"dc1": "0", "dc2": "3"}), True),
        (SimpleStrategy({"replication_factor": "3"}), False),
    ],
)
def test_a_keyspace_must_have_copies_where_it_is_asked(strategy, is_refused):
    assert is_refused == (copies_refusal("magnetodb", strategy, "dc1") is not None)


def test_reads_are_sent_again_a_few_times():
    policy = ReadRetryPolicy()
    decisions = [policy.on_request_error(None, None, None, number)[0] for number in range(READ_RETRIES_MAX + 1)]

    assert [policy.RETRY_NEXT_HOST] * READ_RETRIES_MAX + [policy.RETHROW] == decisions
