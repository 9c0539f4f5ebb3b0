from benchmarks import figures
from benchmarks.figures import GOALS, Round, goal_row, reached, report, spread
from benchmarks.processes import Usage


def rounds_of(*rates):
    """A server's rounds, by its GetItem a second."""
    figures_of_one = {
        "p50_us": 900,
        "p99_us": 2000,
        "p999_us": 3000,
        "errors": 0,
        "server_cpu_percent": 95,
        "per_server_cpu_second": 20_000,
        "other_cpu_percent": 3,
    }
    return [Round({"get": {"per_second": rate, **figures_of_one}}, Usage(), (0.4,), None) for rate in rates]


def test_a_ratio_is_of_one_round_and_shown_with_its_spread():
    rounds = {
        "ours": rounds_of(20_000, 30_000, 30_000),
        "bare": rounds_of(50_000, 50_000, 60_000),
        "dynoxide": rounds_of(10_000, 20_000, 10_000),
        "dynalite": rounds_of(9_000, 9_000, 30_000),
    }
    row = goal_row(rounds, GOALS[1])

    assert ["GetItem", "15,528*", "30,000 (20,000-30,000)", "50% (40%-60%)", "dynoxide"] == row[:5]
    assert ["", "2.00 x (1.50-3.00)", "1.2 x", "2 x", "aim"] == row[5:]


def test_what_is_reached_depends_on_the_median():
    def at_most(value, bound):
        return value <= bound

    assert "aim" == reached([70, 75, 300], at_most, (120, 80))
    assert "at least" == reached([70, 90, 300], at_most, (120, 80))
    assert "no" == reached([130], at_most, (120, 80))
    assert "not measured" == reached([], at_most, (120, 80))


def test_a_report_needs_no_peer():
    text = report({"ours": rounds_of(20_000)})

    assert f"* commit {figures.RECORDED_COMMIT}, recorded on another day" in text
    assert "not measured" in text


def test_a_single_value_has_no_spread():
    assert ["0.40", "1 (0-2)", ""] == [spread([0.4], ".2f"), spread([0, 1, 2]), spread([])]


def test_a_commit_before_that_was_measured_takes_the_place_of_recorded_figures():
    rounds = {name: rounds_of(rate) for name, rate in (("ours", 24_000), ("before", 12_000), ("dynoxide", 16_000))}

    assert "recorded on another day" not in report(rounds)
    assert ["GetItem", "12,000", "24,000", "", "dynoxide", "0.75 x", "1.50 x"] == goal_row(rounds, GOALS[1])[:7]
