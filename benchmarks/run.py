"""make bench: starts a server on a new data directory, replays the load of `run-load`, and keeps the figures.

The load generator is not part of this repository; benchmarks/README.md says what it does and where it is expected.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results"
RUN_LOAD: Final = HERE.parent.parent / "shared" / "bench" / "run-load"

LISTENS: Final = "MagnetoDB listens on "
STOP_SECONDS_MAX: Final = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 with a message where something is missing."""
    options = parsed(arguments)
    if not options.run_load.is_file():
        print(
            f"There is no load generator at {options.run_load}: name it with --run-load or RUN_LOAD.", file=sys.stderr
        )
        return 1
    if shutil.which("wrk") is None:
        print("wrk is missing; on Debian and Ubuntu: apt-get install wrk.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="magnetodb-bench-", dir=options.data_dir) as data_dir:
        server = start_server(data_dir, options.server_flags)
        try:
            url = announced_url(server)
            results = measured(url, server.pid, Path(data_dir) / "load.json", options)
        finally:
            server.terminate()
            server.wait(STOP_SECONDS_MAX)
    path = kept(results)
    print(f"written to {path}")
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run-load", type=Path, default=Path(os.environ.get("RUN_LOAD", RUN_LOAD)))
    parser.add_argument("--seconds", type=int, default=10, help="of each workload (10)")
    parser.add_argument("--only", default="", help="workloads, separated by commas (all)")
    parser.add_argument("--data-dir", type=Path, help="where the data directory is made: choose the disk to measure")
    parser.add_argument("server_flags", nargs="*", help="flags of magnetodb-api, behind --")
    return parser.parse_args(arguments)


def start_server(data_dir: str, flags: Sequence[str]) -> "subprocess.Popen[str]":
    """magnetodb-api on a free port."""
    command = [sys.executable, "-m", "magnetodb.commands.api", "--bind-port", "0", "--data-dir", data_dir, *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def announced_url(server: "subprocess.Popen[str]") -> str:
    """The address that the server says at its start. Raises SystemExit where it ends without one."""
    assert server.stdout is not None
    for line in server.stdout:
        if line.startswith(LISTENS):
            return line.removeprefix(LISTENS).strip()
    raise SystemExit("The server did not start.")


def measured(url: str, pid: int, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the load; it prints its table. Returns its figures."""
    load = load_module(options.run_load)
    arguments = [url, "--pid", str(pid), "--seconds", str(options.seconds), "--only", options.only, "--out", str(out)]
    before = sys.argv
    sys.argv = [str(options.run_load), *arguments]
    try:
        load.main()
    finally:
        sys.argv = before
    results: dict[str, Any] = json.loads(out.read_text())
    return results


def load_module(path: Path) -> ModuleType:
    """The load generator as a module: a script without the suffix .py."""
    sys.dont_write_bytecode = True  # Its directory is not ours.
    loader = SourceFileLoader("run_load", str(path))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def kept(results: dict[str, Any]) -> Path:
    """Write the figures with the machine they come from."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    path.write_text(json.dumps({"machine": machine(), "commit": commit(), **results}, indent=1) + "\n")
    return path


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def processor() -> str:
    """Its name as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def commit() -> str:
    """What was measured, or "unknown" outside a git checkout."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
