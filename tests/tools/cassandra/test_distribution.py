"""A Maven that is none brings the jars; the real one brings them in test_real_nodes.py."""

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.cassandra.distribution import VERSION, Distribution, cache_directory
from tools.cassandra.errors import ClusterError

JARS = {"cassandra-all.jar": b"cassandra", "jamm-0.4.0.jar": b"an agent"}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in JARS.items()}

MAVEN = f"""#!{sys.executable}
import pathlib, sys
target = next(pathlib.Path(each.split("=", 1)[1]) for each in sys.argv if each.startswith("-DoutputDirectory="))
with open({{runs!r}}, "a") as runs:
    runs.write(" ".join(sys.argv[1:]) + "\\n")
for name, content in {{jars!r}}.items():
    (target / name).write_bytes(content)
sys.exit({{failure!r}})
"""


class Maven:
    """A program called mvn, and how often it ran."""

    def __init__(self, machine):
        self.machine = machine
        self.log = machine.home / "runs"

    def brings(self, jars, failure=None):
        text = MAVEN.format(runs=str(self.log), jars=jars, failure=failure)
        self.machine.write_program("bin/mvn", text)

    @property
    def runs(self):
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def maven(bare_machine):
    maven = Maven(bare_machine)
    maven.brings(JARS)
    return maven


@pytest.fixture
def distribution(bare_machine):
    return Distribution(bare_machine.environment, SUMS)


def kept(distribution):
    """Names in the cache, without the lock."""
    return sorted(path.name for path in distribution.cache.iterdir() if path.suffix != ".lock")


def test_jars_are_fetched_once(distribution, maven):
    distribution.fetch()
    distribution.fetch()

    assert sorted(path.name for path in distribution.jars.iterdir()) == sorted(JARS)
    assert kept(distribution) == [f"cassandra-{VERSION}"]
    assert maven.runs == 1


def test_two_at_once_fetch_once(distribution, maven):
    with ThreadPoolExecutor(4) as executor:
        list(executor.map(lambda _: distribution.fetch(), range(4)))

    assert distribution.is_complete()
    assert maven.runs == 1


@pytest.mark.parametrize(
    "jars",
    [{**JARS, "jamm-0.4.0.jar": b"another agent"}, {"jamm-0.4.0.jar": b"an agent"}, {**JARS, "more.jar": b""}],
    ids=["another content", "one missing", "one too many"],
)
def test_what_is_not_as_expected_is_not_kept(distribution, maven, jars):
    maven.brings(jars)
    with pytest.raises(ClusterError, match=r"jars\.sha256 has it: "):
        distribution.fetch()

    assert kept(distribution) == []
    maven.brings(JARS)
    distribution.fetch()
    assert distribution.is_complete()


def test_mavens_failure_is_told(distribution, maven):
    maven.brings({}, "Could not resolve dependencies")
    with pytest.raises(ClusterError) as raised:
        distribution.fetch()

    assert str(raised.value) == f"Maven could not fetch Cassandra {VERSION}:\nCould not resolve dependencies"
    assert kept(distribution) == []


def test_what_an_interrupted_download_left_is_removed(distribution, maven):
    left_over = distribution.cache / f"cassandra-{VERSION}.partial-abc"
    left_over.mkdir(parents=True)
    (left_over / "jamm-0.4.0.jar").touch()
    distribution.fetch()

    assert kept(distribution) == [f"cassandra-{VERSION}"]


def test_a_directory_without_some_jars_is_fetched_again(distribution, maven):
    distribution.fetch()
    (distribution.jars / "cassandra-all.jar").unlink()
    distribution.fetch()

    assert distribution.is_complete()
    assert maven.runs == 2


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/cache"}, Path("/cache/magnetodb")),
        ({"XDG_CACHE_HOME": ""}, Path.home() / ".cache" / "magnetodb"),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache" / "magnetodb"),
        ({}, Path.home() / ".cache" / "magnetodb"),
    ],
)
def test_the_cache_is_the_users(environment, expected):
    assert cache_directory(environment) == expected
