from benchmarks.cassandra_recovery import Recovered, told
from benchmarks.cassandra_report import ONE, RAW, TWO, Measured, report


def measured(rate):
    return Measured(rate, 900, 20_000, 0, 90.0, 10.0, 80.0, 3.0)


def recovered(seconds, *, clean=True):
    return Recovered(10_000, seconds + 1, seconds, 10_000, 12.0, clean)


def goals(text):
    """The cells of each line of the table of goals, by their first."""
    lines = [line for line in text.partition("Goals")[2].splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}


def test_a_ratio_is_of_one_round_and_the_median_is_compared_with_the_goal():
    rounds = {
        "get": {
            RAW: [measured(4_000), measured(8_000), measured(4_000)],
            ONE: [measured(2_000), measured(4_000), measured(3_200)],
            TWO: [],
        }
    }

    row = ["4,000 (4,000-8,000)", "3,200 (2,000-4,000)", "50 % (50-80)", "45 %", "70 %", "at least"]
    assert row == goals(report(rounds, []))["GetItem"]


def test_what_was_not_measured_is_said_to_be_so():
    assert "not measured" in report({"put": {RAW: [measured(100)], ONE: []}}, [])


def test_recovery_counts_only_if_the_indexes_are_right_afterwards():
    reached = [goals(report({}, [each])).popitem()[1][-1] for each in (recovered(25), recovered(90), recovered(130))]

    assert ["aim", "at least", "no"] == reached
    assert "indexes differ" in report({}, [recovered(20), recovered(20, clean=False)])


def test_a_servers_log_tells_how_many_intents_were_recovered():
    log = "x Recovery: 600 intents done, 40 left for the next run\ny Recovery: 40 intents done, 0 left for the next run"

    assert (640, 0) == told(log)
    assert (600, 40) == told(log.splitlines()[0])
    assert (0, 0) == told("")
