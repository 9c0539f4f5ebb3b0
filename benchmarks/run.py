"""make bench: how fast the service is, beside the bare server and its peers. README.md in this directory says more."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import figures, growth, machine, run_load, wrk
from benchmarks.peers import PeerMissing
from benchmarks.servers import IN_MEMORY, SERVERS, Choices, running, sources_of
from benchmarks.text_tables import spread, table

ROUNDS: Final = 5
FIGURES_SERVERS: Final = ("ours", "bare", *IN_MEMORY, figures.FILE_PEER)

GROWTH_PARTS: Final[dict[str, tuple[Callable[[growth.Plan], growth.Found], tuple[str, ...]]]] = {
    "connections": (growth.connections, ("ours", *IN_MEMORY)),
    "sizes": (growth.item_sizes, ("ours", *IN_MEMORY)),
    "items": (growth.table_items, ("ours",)),
    "indexes": (growth.indexes, ("ours", *IN_MEMORY)),
    "partitions": (growth.partition_items, ("ours",)),
    "tables": (growth.tables, ("ours",)),
}
"""What each measures, and which servers, unless others are named."""

PARTS: Final = ("figures", *GROWTH_PARTS, "start")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 with a message where something is missing."""
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # So that the servers end with this.
    wrk.check_wrk()
    with contextlib.ExitStack() as undo:
        before = undo.enter_context(sources_of(options.before)) if options.before else None
        choices = Choices(tuple(options.server_flags), options.verify, before)
        say(machine.described())
        for part in PARTS if options.part == "all" else [options.part]:
            say(f"\n## {part}\n")
            results, report = run_part(part, options, choices)
            say(f"\n{report}\n\nwritten to {machine.kept(part, results)}")
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    add = parser.add_argument
    add("--part", choices=[*PARTS, "all"], default="figures", help="what is measured (figures)")
    add("--rounds", type=int, default=ROUNDS, help="of part figures and start (%(default)s)")
    add("--seconds", type=int, default=5, help="of each workload (%(default)s)")
    add("--only", type=words, default=run_load.WORKLOADS, help="workloads of part figures, separated by commas (all)")
    add("--servers", type=words, help=f"separated by commas, of {', '.join(SERVERS)} (depends on the part)")
    add("--counts", type=numbers, default=(), help="values of a part that varies one thing, separated by commas")
    add("--different", type=int, default=growth.DIFFERENT_MAX, help="requests of such a part, at most (%(default)s)")
    add("--before", metavar="COMMIT", help="measure this commit, too, in the same run")
    add("--verify", action="store_true", help="let our server verify every signature (auth = sigv4)")
    add("--run-load", type=Path, help="the load generator (RUN_LOAD, or ../shared/bench/run-load)")
    add("--data-dir", type=Path, help="where data directories are made: choose the disk to measure")
    add("server_flags", nargs="*", help="flags of magnetodb-api, behind --")
    return parser.parse_args(arguments)


def words(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(text.split(","))


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers between commas."""
    return tuple(map(int, text.split(",")))


def run_part(part: str, options: argparse.Namespace, choices: Choices) -> tuple[dict[str, Any], str]:
    """The figures of a part as they are kept, and its report."""
    servers = options.servers or default_servers(part, choices)
    if part == "figures":
        path = run_load.path_of(options.run_load)
        plan = figures.Plan(options.rounds, options.seconds, servers, options.only, choices, path, options.data_dir)
        rounds = figures.measured(plan, say)
        return {"seconds": options.seconds, "rounds": figures.plain(rounds)}, figures.report(rounds)
    if part == "start":
        return starts(servers, options, choices)
    measure, _ = GROWTH_PARTS[part]
    growth_plan = growth.Plan(
        options.seconds, servers, choices, options.run_load, options.data_dir, options.counts, say, options.different
    )
    found = measure(growth_plan)
    return {"seconds": options.seconds, "figures": found}, growth.report(found)


def default_servers(part: str, choices: Choices) -> tuple[str, ...]:
    """Those of a part, with the commit before where one is named."""
    servers = GROWTH_PARTS[part][1] if part in GROWTH_PARTS else FIGURES_SERVERS
    return servers if choices.before is None else (servers[0], "before", *servers[1:])


def starts(servers: Sequence[str], options: argparse.Namespace, choices: Choices) -> tuple[dict[str, Any], str]:
    """From start to first answer on an empty directory, in alternation."""
    seconds: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(options.rounds):
        for name in servers:
            with running(name, choices, options.data_dir) as server:
                seconds[name].append(server.start_seconds)
    rows = [[name, spread(found, ".3f")] for name, found in seconds.items()]
    return {"start_seconds": seconds}, table(["", "start to first answer, s"], rows)


def say(text: str) -> None:
    """Print now."""
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PeerMissing as missing:
        sys.exit(str(missing))
