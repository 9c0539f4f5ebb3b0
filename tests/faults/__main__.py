"""make test-faults: nodes and servers of a real cluster die, hang and lie about the time, under load.

Exit code 1: something was lost, stale or left unfinished, took too long, or could not be looked at.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from tests.faults.actions import act
from tests.faults.audit import audit
from tests.faults.report import report, verdicts
from tests.faults.schedule import CRASH_POINT, KINDS, Fault, schedule
from tests.faults.servers import ROOT, StartFailure
from tests.faults.stage import Happening, Stage
from tools.cassandra import ClusterError

PAGE: Final = ROOT / "docs" / "faults.md"
MINUTES: Final = 14.5
AUDIT_SECONDS: Final = 90.0
"""Of the time, kept for what is looked at afterwards."""

FIRST_SECONDS: Final = 5.0
"""Of load, before the first fault."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 where something does not hold."""
    parser = argparse.ArgumentParser(prog="make test-faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=KINDS, default=[], help="a kind of fault; more than once")
    parser.add_argument("--rounds", type=int, default=1, help="how often each fault happens (%(default)s)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="then no fault begins any more (%(default)s)")
    parser.add_argument("--seed", type=int, help="says the order and the load (another one each time)")
    parser.add_argument("--page", type=Path, help=f"where the report goes ({PAGE.relative_to(ROOT)} if all kinds run)")
    parser.add_argument("--keep", action="store_true", help="leave the logs of nodes and servers")
    options = parser.parse_args(arguments)
    seed = random.randrange(10**6) if options.seed is None else options.seed
    page = options.page or (None if options.only else PAGE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # So that nodes and servers end with this.
    directory = Path(tempfile.mkdtemp(prefix="magnetodb-faults-"))
    try:
        faults = schedule(seed, rounds=options.rounds, only=options.only)
        holds, text = run(directory, faults, seed, options.minutes * 60)
    finally:
        if options.keep:
            print(f"logs: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print(text)
    if page is not None:
        page.write_text(text)
        print(f"written to {page}")
    return 0 if holds else 1


def run(directory: Path, faults: Sequence[Fault], seed: int, seconds: float) -> tuple[bool, str]:
    """Whether everything holds, and the report. What has not begun in time is left out, and the report says so."""
    with Stage(directory, seed) as stage:
        stage.say(f"seed {seed}, {len(faults)} faults")
        stage.open()
        stage.wait(FIRST_SECONDS)
        happenings: list[Happening] = []
        for fault in faults:
            if stage.passed > seconds - AUDIT_SECONDS:
                break
            try:
                if fault.kind != CRASH_POINT:
                    stage.restore()
                happenings.append(act(stage, fault))
            except (ClusterError, StartFailure, BotoCoreError, ClientError) as error:
                stage.wrong.append(f"{fault.kind} {fault.target}: {error}")
                stage.say(stage.wrong[-1])
                break
            stage.say(f"{fault.kind} {fault.target} {happenings[-1].words}")
        stage.have_nodes()
        stage.restore()
        stage.wait(FIRST_SECONDS)
        stage.end_load()
        stage.say("the load has ended")
        found = audit(stage)
        lines = verdicts(stage, happenings, found)
        return all(line.holds for line in lines), report(stage, seed, len(faults), happenings, found, lines)


if __name__ == "__main__":
    sys.exit(main())
