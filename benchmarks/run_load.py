"""`run-load`, the load generator for the figures: not a part of this repository, and used as it is.

It signs requests before it measures, lets wrk replay them in a closed loop, and says what the server used meanwhile.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.servers import Server

DEFAULT_PATH: Final = Path(__file__).resolve().parents[2] / "shared" / "bench" / "run-load"
WORKLOADS: Final = ("get", "put", "query", "update", "batch", "gsi", "mixed")

FILL_SECONDS_MAX: Final = 600
"""What making its tables may take beside the workloads."""

Measured = dict[str, Any]
"""The figures of one workload: per_second, p50_us, p99_us, p999_us, errors, server_cpu_percent, server_mb, ..."""


def path_of(chosen: Path | None) -> Path:
    """Where the generator is. Raises SystemExit where it is not."""
    path = chosen or Path(os.environ.get("RUN_LOAD", DEFAULT_PATH))
    if not path.is_file():
        raise SystemExit(f"There is no load generator at {path}: name it with --run-load or RUN_LOAD.")
    return path


def measured(
    path: Path,
    server: Server,
    only: Sequence[str] = WORKLOADS,
    *,
    seconds: int,
    warm: int = 1,
    connections: int = 16,
) -> dict[str, Measured]:
    """The figures of each workload. Raises SystemExit where the generator fails."""
    with tempfile.NamedTemporaryFile(prefix="load-", suffix=".json") as out:
        command = [sys.executable, "-B", str(path), server.url, "--pid", str(server.pid), "--out", out.name]
        command += ["--seconds", str(seconds), "--warm", str(warm), "--connections", str(connections)]
        command += ["--only", ",".join(only)]
        limit = FILL_SECONDS_MAX + len(only) * (seconds + warm + 60)
        run = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        if run.returncode:
            raise SystemExit(f"run-load failed on {server.name}: {run.stdout[-500:]}{run.stderr[-1500:]}")
        workloads: dict[str, Measured] = json.loads(Path(out.name).read_text())["workloads"]
        return workloads
