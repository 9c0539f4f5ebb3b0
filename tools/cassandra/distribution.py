"""Cassandra's jars and an archive of their classes, fetched and made once and kept outside the repository.

What is in the cache is complete: a download or an archive gets its name only when it is whole and its sums are right,
and a lock lets one process at a time make them.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tools.cassandra.errors import ClusterError

HERE: Final = Path(__file__).resolve().parent
VERSION: Final = "5.0.9"
JAVA_VERSION: Final = 17
DOWNLOAD_SECONDS_MAX: Final = 1800
JAVA_SECONDS_MAX: Final = 60


class Distribution:
    """Cassandra's jars in the cache of a user: `environment` says where, and which Maven fetches them."""

    def __init__(self, environment: Mapping[str, str] | None = None, sums: Mapping[str, str] | None = None) -> None:
        self.environment = dict(os.environ if environment is None else environment)
        self.cache = cache_directory(self.environment)
        self.sums = expected_sums() if sums is None else sums

    @property
    def jars(self) -> Path:
        """The directory of the jars; there only when it is complete."""
        return self.cache / f"cassandra-{VERSION}"

    @property
    def agent(self) -> Path:
        """The Java agent that Cassandra measures objects with."""
        return next(self.jars.glob("jamm-*.jar"))

    def class_path(self) -> str:
        """The same text every time, as an archive of classes demands."""
        return ":".join(str(self.jars / name) for name in self.sums)

    def fetch(self) -> None:
        """Have the jars. Raises ClusterError where they cannot be fetched or are not what they should be."""
        if self.is_complete():
            return
        with self.locked():
            if not self.is_complete():
                self.download()

    def is_complete(self) -> bool:
        """Whether all jars are there."""
        return all((self.jars / name).is_file() for name in self.sums)

    def download(self) -> None:
        """Fetch the jars into a new directory, compare them with their sums and give the directory its name."""
        maven = shutil.which("mvn", path=self.environment.get("PATH", os.defpath))
        if maven is None:
            raise ClusterError(
                "Maven is needed once, to fetch Cassandra, and there is no mvn in PATH; "
                "on Debian and Ubuntu: apt-get install maven."
            )
        for left_over in self.cache.glob(f"cassandra-{VERSION}.partial-*"):
            shutil.rmtree(left_over)
        partial = Path(tempfile.mkdtemp(prefix=f"cassandra-{VERSION}.partial-", dir=self.cache))
        try:
            run_maven(maven, partial, self.environment)
            check_sums(partial, self.sums)
            partial.chmod(0o755)
            if self.jars.exists():
                shutil.rmtree(self.jars)
            partial.rename(self.jars)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until no other process changes the cache."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with open(self.cache / f"cassandra-{VERSION}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def cache_directory(environment: Mapping[str, str]) -> Path:
    """Where other programs of this user keep what can be fetched again."""
    home = environment.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "magnetodb"


def run_maven(maven: str, target: Path, environment: Mapping[str, str]) -> None:
    """Copy the jars into a directory. Which repositories are asked is for Maven's own settings to say."""
    command = [maven, "-q", "-B", "-ntp", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    done = subprocess.run(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DOWNLOAD_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterError(f"Maven could not fetch Cassandra {VERSION}:\n{(done.stdout + done.stderr).strip()}")


def expected_sums() -> dict[str, str]:
    """SHA-256 of each jar by its name, sorted by name."""
    lines = (HERE / "jars.sha256").read_text().splitlines()
    return dict(sorted((name, digest) for digest, name in (line.split() for line in lines)))


def check_sums(directory: Path, expected: Mapping[str, str]) -> None:
    """Raise ClusterError where a jar is missing or is another one than it should be."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}
    if wrong := sorted(
        {name for name, digest in expected.items() if found.get(name) != digest} | (found.keys() - expected)
    ):
        raise ClusterError(
            f"What Maven fetched is not Cassandra {VERSION} as tools/cassandra/jars.sha256 has it: {', '.join(wrong)}."
        )


def find_java(environment: Mapping[str, str]) -> tuple[str, str]:
    """The path of a Java that Cassandra runs on, and its version. Raises ClusterError where there is none."""
    home = environment.get("JAVA_HOME")
    java = os.path.join(home, "bin", "java") if home else shutil.which("java", path=environment.get("PATH", os.defpath))
    advice = f"Cassandra needs Java {JAVA_VERSION}; on Debian and Ubuntu: apt-get install openjdk-17-jre-headless."
    if java is None or not os.access(java, os.X_OK):
        raise ClusterError(f"There is no Java in {'JAVA_HOME, ' + home if home else 'PATH'}. {advice}")
    done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=JAVA_SECONDS_MAX, check=False)
    match = re.search(r'version "((\d+)[^"]*)"', done.stderr)
    if match is None or int(match[2]) != JAVA_VERSION:
        found = f"is version {match[1]}" if match else "does not say its version"
        raise ClusterError(f"{java} {found}. {advice} JAVA_HOME says which one to take.")
    return java, match[1]
