"""Runs magnetodb-api on a machine whose clock is wrong: python -m tests.faults.shifted_clock SECONDS FLAG...

The clock is Python's own in that process, changed before anything of the server is imported; what measures durations is
right.
"""

import sys
import time


def shift(seconds: int) -> None:
    """From now on the time is so much later."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + seconds * 1_000_000_000


def main() -> None:
    """The server's own main."""
    shift(int(sys.argv.pop(1)))
    from magnetodb.commands.api import main as serve

    sys.exit(serve())


if __name__ == "__main__":
    main()
