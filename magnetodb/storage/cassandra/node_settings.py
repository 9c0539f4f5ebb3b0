"""What MagnetoDB asks of a Cassandra node, and the sentences for an operator whose nodes are otherwise. Pure."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

RELEASE_MIN: Final = (5, 0)

NAMES: Final = ("commitlog_sync", "paxos_variant", "batch_size_fail_threshold")
"""The lines of cassandra.yaml that matter, as system_views.settings names them."""

BATCH_BYTES_WANTED: Final = 1_048_576
"""An item of 400 KB with two indexes that project all of it fits in a logged batch of this size."""

UNITS: Final = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


class Findings(NamedTuple):
    """What was found on a node: why it can't be used (None: it can), what the operator should know, and the largest
    batch that it takes in bytes (None: it does not say)."""

    refusal: str | None
    warnings: tuple[str, ...]
    batch_bytes_max: int | None


def findings(address: str, release: str, settings: Mapping[str, str | None]) -> Findings:
    """What there is to say about a node of that release with these settings, of which any may be missing."""
    refusal = _release_refusal(address, release) or _paxos_refusal(address, settings.get("paxos_variant"))
    batch = size_bytes(settings.get("batch_size_fail_threshold"))
    warnings = [_commitlog_warning(address, settings.get("commitlog_sync")), _batch_warning(address, batch)]
    return Findings(refusal, tuple([each for each in warnings if each]), batch)


def release_number(release: str) -> tuple[int, ...]:
    """The first numbers of a release: 5.0.9 is (5, 0, 9)."""
    found = re.match(r"\d+(\.\d+)*", release)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def size_bytes(text: str | None) -> int | None:
    """A size of cassandra.yaml, such as 50KiB; None if it is none."""
    found = re.fullmatch(r"(\d+)\s*(B|KiB|MiB|GiB)", text or "")
    return int(found.group(1)) * UNITS[found.group(2)] if found else None


def _release_refusal(address: str, release: str) -> str | None:
    if release_number(release) >= RELEASE_MIN:
        return None
    return f"The node {address} is Cassandra {release}; MagnetoDB needs 5.0 or newer. Upgrade the cluster."


def _paxos_refusal(address: str, variant: str | None) -> str | None:
    if variant in (None, "v2"):
        return None
    return (
        f"The node {address} has paxos_variant: {variant}. MagnetoDB needs v2: set `paxos_variant: v2` in"
        " cassandra.yaml of every node and restart them one after the other."
    )


def _commitlog_warning(address: str, sync: str | None) -> str | None:
    if sync is None or sync in ("batch", "group"):
        return None
    return (
        f"The node {address} has commitlog_sync: {sync}. Writes that were acknowledged can be lost when nodes end"
        " without notice. Set `commitlog_sync: batch` in cassandra.yaml of every node and restart them."
    )


def _batch_warning(address: str, size: int | None) -> str | None:
    if size is None or size >= BATCH_BYTES_WANTED:
        return None
    return (
        f"The node {address} refuses batches of more than {size} bytes. Index rows of large items are written one by"
        " one then, which takes longer. Set `batch_size_fail_threshold: 16MiB` and `batch_size_warn_threshold: 1MiB`"
        " in cassandra.yaml of every node and restart them."
    )
