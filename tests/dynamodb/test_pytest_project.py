"""examples/pytest_project: its tests pass, one by one and side by side, and leave nothing behind."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from statistics import median

import pytest

pytestmark = pytest.mark.data_file

PROJECT = Path(__file__).parents[2] / "examples" / "pytest_project"
RUN_SECONDS_MAX = 100
TESTS = 10


@pytest.mark.parametrize("processes", [0, 2])
def test_the_tests_of_the_example_pass(ours, tmp_path, figures, processes):
    report = tmp_path / "report.xml"
    before = set(PROJECT.rglob("*.py"))
    arguments = [f"-n{processes}", "-pno:cacheprovider", "-pno:hypothesispytest", f"--junitxml={report}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, str(PROJECT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
    )
    seconds = [float(case.get("time")) for case in ElementTree.parse(report).iter("testcase")]
    figures(
        f"examples/pytest_project, {processes or 'no'} workers: {median(seconds) * 1000:.0f} ms a test, "
        f"its tables and client included (median of {len(seconds)}; the slowest, with the server's start: "
        f"{max(seconds) * 1000:.0f} ms)"
    )

    assert 0 == run.returncode, run.stdout + run.stderr
    assert TESTS == len(seconds)
    assert before == set(PROJECT.rglob("*.py"))
