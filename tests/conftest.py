"""Tests that are coroutines, and what every test may report: figures, printed at the end of the run."""

import asyncio
import inspect
import signal

import pytest
import uvloop
from hypothesis import settings

FIGURES = "figures"

# Machines are slow now and then: a timing decides no test.
settings.register_profile("magnetodb", deadline=None)
settings.load_profile("magnetodb")


def pytest_configure():
    """Servers that tests start end by SIGHUP, also where the tests themselves were started to outlive it (nohup)."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def runner():
    """The event loop of one test."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """A test that is a coroutine runs in the loop of `runner`."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    runner = pyfuncitem._request.getfixturevalue("runner")
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    runner.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def figures(record_property):
    """figures(line): a line of results that the end of the run prints, whichever process ran the test."""
    return lambda line: record_property(FIGURES, line)


def pytest_terminal_summary(terminalreporter):
    lines = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == FIGURES
    ]
    if lines:
        terminalreporter.section("figures")
        for line in sorted(lines):
            terminalreporter.line(line)
