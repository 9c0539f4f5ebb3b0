from benchmarks.soak_checks import Moment, growth_verdicts, percentile


def moment(seconds, **changes):
    flat = Moment(seconds, 60.0, 30, 16.0, 40.0, 0.5, 2.0, 3.0, 12.0, 4000.0)
    return flat._replace(**changes)


def broken(moments):
    return [verdict.what for verdict in growth_verdicts(moments, moments) if not verdict.holds]


def test_what_stays_as_it_is_holds():
    assert [] == broken([moment(second) for second in range(100)])


def test_a_leak_of_memory_is_found():
    assert ["memory, MB"] == broken([moment(second, memory_mb=60 + second / 10) for second in range(100)])


def test_a_leak_of_descriptors_is_found():
    assert ["descriptors"] == broken([moment(second, descriptors=30 + second // 10) for second in range(100)])


def test_files_and_times_that_grow_are_found():
    growing = [
        moment(second, log_mb=second, file_mb=40.0 * (1 + second), read_p99=second, write_p99=2.0 * second)
        for second in range(101)
    ]

    assert ["data file, MB", "write-ahead log, MB", "p99 of reads, ms", "p99 of writes, ms"] == broken(growing)


def test_a_second_without_answers_is_no_measurement():
    moments = [moment(second, read_p99=None if second % 2 else 2.0) for second in range(100)]

    assert [] == broken(moments)


def test_too_short_a_run_shows_nothing():
    assert ["steady part"] == broken([moment(second) for second in range(19)])


def test_percentiles_are_in_milliseconds():
    seconds = [number / 1000 for number in range(1, 101)]

    assert (51.0, 100.0, None) == (percentile(seconds, 50), percentile(seconds, 99), percentile([], 99))
