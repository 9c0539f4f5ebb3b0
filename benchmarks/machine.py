"""Figures are kept with the machine and the commit that they come from."""

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results"


def kept(part: str, results: dict[str, Any]) -> Path:
    """Write figures to `results/` (not kept in git)."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{part}.json"
    path.write_text(json.dumps({"machine": machine(), "commit": commit(), "part": part, **results}, indent=1) + "\n")
    return path


def described() -> str:
    """The machine and the commit in a line."""
    facts = machine()
    memory = facts["memory_bytes"] / 2**30
    return (
        f"{facts['processor']}, {facts['cores']} cores, {memory:.0f} GiB, {facts['system']}, Python {facts['python']}; "
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, commit {commit()}"
    )


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
