import asyncio

from benchmarks.soak_load import ABSENT, Client, Log, Requester


def client_with(states):
    """A client whose first item may be in these states."""
    client = Client(0, Requester(0, Log(), asyncio.Event()))
    client.possible[0] = set(states)
    return client


def test_after_a_kill_the_write_in_flight_may_be_there_or_not():
    client = client_with({3, 4})
    client.found(0, client.item(0, 3))

    assert ({3}, {}) == (client.possible[0], client.requester.log.wrong)


def test_an_acknowledged_write_that_is_missing_is_reported():
    client = client_with({4})
    client.found(0, client.item(0, 3))

    assert ["lost: an acknowledged write is missing"] == [
        text.partition(" (")[0] for text in client.requester.log.wrong
    ]


def test_an_item_that_is_gone_is_reported():
    client = client_with({4})
    client.found(0, None)

    assert 1 == client.requester.log.wrong.total()
    assert {ABSENT} == client.possible[0]


def test_reports_are_bounded():
    log = Log()
    for number in range(1000):
        log.report(f"error {number}")

    assert 20 == len(log.wrong)
