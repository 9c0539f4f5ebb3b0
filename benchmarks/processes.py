"""What a server costs: processor time, memory and descriptors of its process and all below it, as Linux counts them."""

import os
from pathlib import Path
from typing import Final, NamedTuple

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """Sums over a process tree. `resident_bytes` counts a page that several processes share for each of them,
    `proportional_bytes` once."""

    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    proportional_bytes: int = 0
    descriptors: int = 0


def tree(pid: int) -> list[int]:
    """A process and its descendants, parents first; without those that have ended."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                found += map(int, Path(f"/proc/{parent}/task/{thread}/children").read_text().split())
        except OSError:
            continue
    return found


def usage(pid: int) -> Usage:
    """What a process and its descendants use now."""
    found = [of_one(each) for each in tree(pid)]
    return Usage(*map(sum, zip(*found, strict=True)))


def of_one(pid: int) -> Usage:
    """What one process uses; nothing if it has ended."""
    directory = Path(f"/proc/{pid}")
    try:
        fields = (directory / "stat").read_text().rsplit(")", 1)[1].split()
        proportional = (directory / "smaps_rollup").read_text().partition("\nPss:")[2].split(maxsplit=1)
        descriptors = len(os.listdir(directory / "fd"))
    except OSError:
        return Usage()
    return Usage(
        cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND,
        resident_bytes=int(fields[21]) * PAGE_BYTES,
        proportional_bytes=int(proportional[0]) * 1024 if proportional else 0,
        descriptors=descriptors,
    )
