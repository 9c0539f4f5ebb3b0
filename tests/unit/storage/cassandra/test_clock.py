"""The clock that versions come from."""

from magnetodb.storage.cassandra.clock import HybridClock


def test_it_follows_the_wall_clock():
    times = iter([100, 250])
    clock = HybridClock(lambda: next(times))

    assert [100, 250] == [clock.now(), clock.now()]


def test_it_grows_while_the_wall_clock_stands_or_goes_back():
    times = iter([100, 100, 90, 300])
    clock = HybridClock(lambda: next(times))

    assert [100, 101, 102, 300] == [clock.now() for _ in range(4)]


def test_it_is_later_than_versions_of_others():
    clock = HybridClock(lambda: 100)
    clock.observe(5000)
    clock.observe(20)

    assert [5001, 5002] == [clock.now(), clock.now()]
