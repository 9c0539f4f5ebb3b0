"""What the driver's exceptions are taken for."""

import pytest
from cassandra import InvalidRequest, OperationTimedOut, ReadTimeout, Unavailable, WriteFailure, WriteTimeout, WriteType
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown
from cassandra.protocol import ErrorMessage, OverloadedErrorMessage, ServerError

from magnetodb.storage.cassandra.driver_errors import cassandra_error, prepare_error
from magnetodb.storage.cassandra.session_errors import (
    BatchInLog,
    BatchLogUnreached,
    Busy,
    OutcomeUnknown,
    Refused,
    TableGone,
    TooLarge,
)

CAS_WRITE_UNKNOWN = 0x1700


def write_timeout(write_type):
    return WriteTimeout("timed out", write_type=write_type, consistency=1, required_responses=2, received_responses=1)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (write_timeout(WriteType.SIMPLE), OutcomeUnknown),
        (write_timeout(WriteType.CAS), OutcomeUnknown),
        (write_timeout(WriteType.UNLOGGED_BATCH), OutcomeUnknown),
        (write_timeout(WriteType.BATCH), BatchInLog),
        (write_timeout(WriteType.BATCH_LOG), BatchLogUnreached),
        (WriteFailure("failed", write_type=WriteType.SIMPLE, consistency=1), OutcomeUnknown),
        (ReadTimeout("timed out", consistency=1), OutcomeUnknown),
        (OperationTimedOut(), OutcomeUnknown),
        (ConnectionShutdown("gone"), OutcomeUnknown),
        (ErrorMessage(CAS_WRITE_UNKNOWN, "cas write unknown", {}), OutcomeUnknown),
        (OverloadedErrorMessage(0x1001, "overloaded", {}), OutcomeUnknown),
        (ServerError(0, "bug", {}), OutcomeUnknown),
        (Unavailable("too few nodes"), Refused),
        (NoHostAvailable("none", {}), Refused),
    ],
)
def test_a_write_that_may_have_happened_is_told_from_one_that_has_not(error, kind):
    assert kind is type(cassandra_error(error, read=False))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ReadTimeout("timed out", consistency=1), Refused),
        (OperationTimedOut(), Refused),
        (ConnectionShutdown("gone"), Refused),
        (Unavailable("too few nodes"), Refused),
        (OverloadedErrorMessage(0x1001, "overloaded", {}), Busy),
    ],
)
def test_a_read_without_a_result_has_done_nothing(error, kind):
    assert kind is type(cassandra_error(error, read=True))


def test_a_logged_batch_for_which_too_few_nodes_are_up_may_lack_only_the_batchlog():
    assert BatchLogUnreached is type(cassandra_error(Unavailable("too few nodes"), read=False, logged=True))


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("unconfigured table t_1", TableGone),
        ("table ks.t_1 does not exist", TableGone),
        ("Batch too large", TooLarge),
        ("line 1: no viable alternative", Refused),
    ],
)
@pytest.mark.parametrize("of", [lambda error: cassandra_error(error, read=False), prepare_error])
def test_a_statement_that_is_refused_says_why(words, kind, of):
    assert kind is type(of(InvalidRequest(words)))


def test_a_statement_that_could_not_be_prepared_was_not_sent():
    assert Refused is type(prepare_error(OperationTimedOut()))


ADDRESS = "10.0.0.1:9042"


@pytest.mark.parametrize(
    "error",
    [
        NoHostAvailable("Unable", {ADDRESS: ConnectionShutdown("down")}),
        OperationTimedOut({ADDRESS: "Client request timeout"}, ADDRESS),
        ConnectionShutdown(f"Connection to {ADDRESS} was closed", ADDRESS),
    ],
    ids=lambda error: type(error).__name__,
)
def test_callers_are_not_told_the_addresses_of_nodes(error):
    for told in (cassandra_error(error, read=True), cassandra_error(error, read=False), prepare_error(error)):
        assert "10.0.0.1" not in str(told)
        assert str(told)
