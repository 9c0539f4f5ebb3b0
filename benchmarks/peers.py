"""The peers: other servers of DynamoDB's protocol, installed as users install them into a cache outside the repository.

They are measured beside ours and are never a part of it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

NPM_PACKAGES: Final = {"dynalite": "dynalite@4.0.0", "dynoxide": "@dynoxide/linux-x64@1.2.1"}
PYPI_PACKAGES: Final = {"moto": "moto[server]==5.2.5"}

EXECUTABLES: Final = {
    "dynalite": "node_modules/.bin/dynalite",
    "dynoxide": "node_modules/@dynoxide/linux-x64/dynoxide",
    "moto": "moto/bin/moto_server",
}
"""Where each is in the cache."""

INSTALL_SECONDS_MAX: Final = 600


class PeerMissing(Exception):
    """A peer is not there and cannot be installed; the message says why."""


def cache_directory() -> Path:
    """Where peers are installed."""
    chosen = os.environ.get("MAGNETODB_BENCH_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "magnetodb-bench"


def executable(peer: str) -> str:
    """The program of a peer, which is installed if it is not there. Raises PeerMissing."""
    cache = cache_directory()
    program = cache / EXECUTABLES[peer]
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for command in install_commands(peer, cache):
            run(command)
    if not program.exists():
        raise PeerMissing(f"{peer}: its package has no {EXECUTABLES[peer]}")
    return str(program)


def install_commands(peer: str, cache: Path) -> list[list[str]]:
    """What installs a peer. Raises PeerMissing where its installer is not there."""
    if peer in PYPI_PACKAGES:
        environment = cache / peer
        python = str(environment / "bin" / "python")
        return [
            [sys.executable, "-m", "venv", str(environment)],
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYPI_PACKAGES[peer]],
        ]
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise PeerMissing(f"{peer}: needs npm and node")
    return [[npm, "install", "--prefix", str(cache), "--no-audit", "--no-fund", NPM_PACKAGES[peer]]]


def run(command: list[str]) -> None:
    """Run an installer. Raises PeerMissing with its last words."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissing(f"{' '.join(command)}: {error}") from None
    if done.returncode:
        raise PeerMissing(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")
