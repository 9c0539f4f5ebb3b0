"""A machine with a Java that is none: a program that answers like a Cassandra node as far as the tool looks, so that
the tool itself is tested within moments, and without a download."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.cassandra.distribution import Distribution

ROOT = Path(__file__).parents[3]

JAVA = f"""#!{sys.executable}
import json, pathlib, signal, socket, sys, threading, urllib.parse

if sys.argv[1] == "-version":
    sys.exit('openjdk version "VERSION" 2024-01-01')
arguments = [json.loads(line) for line in pathlib.Path(sys.argv[1][1:]).read_text().splitlines()]
values = dict(each.split("=", 1) for each in arguments if "=" in each)
configuration = json.loads(pathlib.Path(urllib.parse.urlsplit(values["-Dcassandra.config"]).path).read_text())
if configuration.get("fails"):
    print("INFO starting")
    sys.exit("ERROR it is a bad day")

def end(*_):
    if archive := values.get("-XX:ArchiveClassesAtExit"):
        pathlib.Path(archive).write_text("classes")
    raise SystemExit(143)

def serve(connection):
    while header := connection.recv(9, socket.MSG_WAITALL):
        connection.recv(int.from_bytes(header[5:]), socket.MSG_WAITALL)
        answer = {{1: 2, 5: 6, 7: 8}}[header[4]]
        connection.sendall(bytes([0x84, 0, 0, 0, answer, 0, 0, 0, 0]))

signal.signal(signal.SIGTERM, end)
if configuration.get("hangs"):
    signal.pause()
storage = socket.create_server((configuration["listen_address"], configuration["storage_port"]))
listener = socket.create_server((configuration["rpc_address"], configuration["native_transport_port"]))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


class Machine:
    """Its environment, and the tool on it."""

    root = ROOT

    def __init__(self, home):
        self.home = home
        self.environment = {
            "HOME": str(home),
            "JAVA_HOME": str(home / "java"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PATH": str(home / "bin"),
        }
        (home / "bin").mkdir(parents=True)

    def write_program(self, name, text):
        """A program at a place below the home directory."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def install_java(self, version="17.0.1"):
        self.write_program("java/bin/java", JAVA.replace("VERSION", version))

    def install_jars(self):
        distribution = Distribution(self.environment)
        distribution.jars.mkdir(parents=True)
        for name in distribution.sums:
            (distribution.jars / name).touch()

    def command(self, *arguments):
        return [sys.executable, "-m", "tools.cassandra", *map(str, arguments)]

    def tool(self, *arguments):
        """The finished process of the tool."""
        return subprocess.run(
            self.command(*arguments), env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=60
        )

    def succeed(self, *arguments):
        """What the tool prints."""
        done = self.tool(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@pytest.fixture
def bare_machine(tmp_path):
    return Machine(tmp_path / "home")


@pytest.fixture
def machine(bare_machine):
    bare_machine.install_java()
    bare_machine.install_jars()
    return bare_machine


@pytest.fixture
def directory(machine, tmp_path):
    """Of a cluster, which is killed after the test."""
    path = tmp_path / "cluster"
    yield path
    if (path / "cluster.json").exists():
        machine.tool("kill", "--directory", path)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def pids(directory):
    """A function: the numbers of the nodes' processes that are alive."""

    def living():
        found = [int(path.read_text().split()[0]) for path in sorted(directory.glob("node*/pid"))]
        return [pid for pid in found if is_alive(pid)]

    return living


@pytest.fixture(autouse=True)
def needs_proc():
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("The tool reads /proc.")
