"""The commands, on a machine whose Java only answers like Cassandra. test_real_nodes.py has the real one."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

import pytest


def states(report):
    """The state of each node, of what `status` prints."""
    return re.findall(r"^node \d  127\S+  (\w+)", report, re.MULTILINE)


def test_a_cluster_starts_and_stops(machine, directory, pids):
    started = machine.succeed("start", "--directory", directory, "--address", "any")

    assert states(started) == ["serving"]
    machine.succeed("stop", "--directory", directory)
    assert pids() == []
    assert states(machine.succeed("status", "--directory", directory)) == ["stopped"]


def test_a_second_start_changes_nothing(machine, directory, pids):
    machine.succeed("start", "--directory", directory, "--address", "any")
    before = pids()

    assert states(machine.succeed("start", "--directory", directory)) == ["serving"]
    assert pids() == before


def test_three_nodes_have_an_address_each_and_a_third_of_the_tokens(machine, directory):
    machine.succeed("start", "--directory", directory, "--nodes", 3, "--address", "any")
    nodes = [json.loads(path.read_text()) for path in sorted(directory.glob("node*/cassandra.yaml"))]

    assert len({node["rpc_address"] for node in nodes}) == 3
    assert [round((int(node["initial_token"]) + 2**63) / 2**64, 3) for node in nodes] == [0, 0.333, 0.667]
    assert len({node["cluster_name"] for node in nodes}) == 1


def test_one_of_three_nodes_is_killed_and_started_again(machine, directory, pids):
    machine.succeed("start", "--directory", directory, "--nodes", 3, "--address", "any")
    first, second, third = pids()
    machine.succeed("kill", "--directory", directory, "--node", 2)

    assert states(machine.succeed("status", "--directory", directory)) == ["serving", "stopped", "serving"]
    machine.succeed("start", "--directory", directory)
    assert len(pids()) == 3
    assert {first, third} == set(pids()) & {first, second, third}


def test_a_node_is_paused_and_resumed(machine, directory):
    machine.succeed("start", "--directory", directory, "--address", "any")
    machine.succeed("pause", "--directory", directory)

    assert states(machine.succeed("status", "--directory", directory)) == ["paused"]
    machine.succeed("resume", "--directory", directory)
    assert states(machine.succeed("status", "--directory", directory)) == ["serving"]


def test_a_paused_node_can_be_stopped(machine, directory, pids):
    machine.succeed("start", "--directory", directory, "--address", "any")
    machine.succeed("pause", "--directory", directory)
    machine.succeed("stop", "--directory", directory)

    assert pids() == []


def test_a_restart_is_another_process_with_the_same_settings(machine, directory, pids):
    machine.succeed("start", "--directory", directory, "--address", "any", "--set", "concurrent_reads=7")
    before = pids()
    configuration = (directory / "node1" / "cassandra.yaml").read_text()
    machine.succeed("restart", "--directory", directory)

    assert len(pids()) == 1
    assert pids() != before
    assert (directory / "node1" / "cassandra.yaml").read_text() == configuration
    assert json.loads(configuration)["concurrent_reads"] == 7


def test_a_flag_at_a_later_start_changes_that_setting_only(machine, directory):
    machine.succeed("start", "--directory", directory, "--address", "any", "--heap", "512m")
    machine.succeed("stop", "--directory", directory)
    before = json.loads((directory / "cluster.json").read_text())
    machine.succeed("start", "--directory", directory, "--address", "any", "--light")

    assert json.loads((directory / "cluster.json").read_text()) == {**before, "light": True}
    assert "-Xmx512m" in (directory / "node1" / "java.arguments").read_text()


def test_a_cluster_keeps_its_addresses(machine, directory):
    machine.succeed("start", "--directory", directory, "--address", "any")
    refused = machine.tool("start", "--directory", directory, "--nodes", 3)

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"The cluster in {directory} keeps what it began with: nodes 1, address 127.")


def test_clusters_of_two_directories_do_not_touch_each_other(machine, directory, tmp_path, pids):
    machine.succeed("start", "--directory", directory, "--address", "any")
    other = tmp_path / "other"
    machine.succeed("start", "--directory", other, "--address", "any")
    machine.succeed("kill", "--directory", other)

    assert len(pids()) == 1
    names = [json.loads((each / "cluster.json").read_text())["name"] for each in (directory, other)]
    assert names[0] != names[1]


def test_an_address_that_is_taken_is_refused(machine, directory, tmp_path):
    machine.succeed("start", "--directory", directory, "--address", "any")
    address = json.loads((directory / "cluster.json").read_text())["address"]
    refused = machine.tool("start", "--directory", tmp_path / "other", "--address", address)

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Port 9042 of {address} cannot be used: it is taken.")


def test_another_process_with_a_nodes_number_is_not_ended(machine, directory):
    """The number in the file is that of a process which began at another time, or runs something else."""
    machine.succeed("start", "--directory", directory, "--address", "any")
    machine.succeed("kill", "--directory", directory)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (directory / "node1" / "pid").write_text(f"{stranger.pid} 1\n")
        machine.succeed("kill", "--directory", directory)

        assert stranger.poll() is None
        assert states(machine.succeed("status", "--directory", directory)) == ["stopped"]


def test_a_node_that_ends_says_why(machine, directory):
    failed = machine.tool("start", "--directory", directory, "--address", "any", "--set", "fails=true")

    assert failed.returncode == 1
    assert failed.stderr.startswith("Node 1 has ended. The end of ")
    assert failed.stderr.endswith("/node1/cassandra.log:\nERROR it is a bad day\n")


def test_the_archive_of_classes_is_made_once(machine, directory):
    machine.succeed("start", "--directory", directory, "--address", "any")
    (archive,) = (machine.home / "cache" / "magnetodb").glob("*.jsa")
    written = archive.stat().st_mtime_ns
    machine.succeed("restart", "--directory", directory)

    assert archive.name == "cassandra-5.0.9-java-17.0.1.jsa"
    assert archive.stat().st_mtime_ns == written
    assert f"-XX:SharedArchiveFile={archive}" in (directory / "node1" / "java.arguments").read_text()


@pytest.mark.parametrize("command", ["stop", "kill", "pause", "resume", "restart", "status"])
def test_a_cluster_that_is_not_there_is_a_sentence(machine, tmp_path, command):
    refused = machine.tool(command, "--directory", tmp_path / "nowhere")

    assert (refused.returncode, refused.stderr) == (1, f"There is no cluster in {tmp_path / 'nowhere'}.\n")


def test_a_node_that_is_not_there_is_a_sentence(machine, directory):
    machine.succeed("start", "--directory", directory, "--address", "any")
    refused = machine.tool("kill", "--directory", directory, "--node", 2)

    assert (refused.returncode, refused.stderr) == (1, "There is no node 2: this cluster's nodes are 1 to 1.\n")


def test_without_java_the_tool_says_so(bare_machine, tmp_path):
    refused = bare_machine.tool("start", "--directory", tmp_path / "cluster", "--address", "any")

    assert refused.returncode == 1
    assert "There is no Java in JAVA_HOME, " in refused.stderr
    assert "Cassandra needs Java 17; on Debian and Ubuntu: apt-get install openjdk-17-jre-headless." in refused.stderr


def test_another_java_is_refused(bare_machine, tmp_path):
    bare_machine.install_java("21.0.2")
    refused = bare_machine.tool("start", "--directory", tmp_path / "cluster", "--address", "any")

    assert refused.returncode == 1
    assert "/java is version 21.0.2. Cassandra needs Java 17;" in refused.stderr


def test_without_maven_the_tool_says_so(bare_machine, tmp_path):
    bare_machine.install_java()
    refused = bare_machine.tool("start", "--directory", tmp_path / "cluster", "--address", "any")

    assert refused.returncode == 1
    assert "there is no mvn in PATH; on Debian and Ubuntu: apt-get install maven." in refused.stderr


def test_a_command_gets_the_addresses_and_its_exit_code_is_ours(machine, directory, pids):
    script = "import sys; print(sys.argv[1:]); sys.exit(7)"
    words = [sys.executable, "-c", script, "--at={contact_points}:{port}"]
    done = machine.tool("run", "--directory", directory, "--address", "any", "--", *words)
    address = json.loads((directory / "cluster.json").read_text())["address"]

    assert done.returncode == 7
    assert done.stdout.endswith(f"['--at={address}:9042']\n")
    assert pids() == []


def test_the_last_of_two_commands_stops_the_cluster(machine, directory, pids):
    waits = [sys.executable, "-c", "print('runs', flush=True); input()"]
    first = running(machine, directory, *waits)
    second = running(machine, directory, *waits)
    first.communicate("\n")

    assert len(pids()) == 1
    second.communicate("\n")
    assert pids() == []


def test_a_command_leaves_a_cluster_that_was_started_by_itself(machine, directory, pids):
    machine.succeed("start", "--directory", directory, "--address", "any")
    machine.succeed("run", "--directory", directory, "--", sys.executable, "-c", "pass")

    assert len(pids()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_and_then_the_cluster(machine, directory, pids, number):
    """SIGINT as a terminal sends it: to everybody in the group."""
    handles = "import signal; [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGTERM)]; "
    waits = [sys.executable, "-c", handles + "print('runs', flush=True); input()"]
    process = running(machine, directory, *waits)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    process.wait()

    assert process.returncode == 128 + number
    assert pids() == []


def test_signals_while_nodes_boot_end_the_nodes(machine, directory, pids):
    command = machine.command("run", "--directory", directory, "--address", "any", "--set", "hangs=true", "--", "true")
    with subprocess.Popen(command, env=machine.environment, cwd=machine.root) as process:
        wait_until(pids)
        process.terminate()
        process.terminate()

    assert process.returncode == 128 + signal.SIGTERM
    assert pids() == []


def test_a_temporary_cluster_leaves_nothing(machine):
    machine.environment["TMPDIR"] = str(machine.home)
    words = [sys.executable, "-c", "pass"]
    machine.succeed("run", "--temporary", "--address", "any", "--", *words)

    assert sorted(path.name for path in machine.home.iterdir()) == ["bin", "cache", "java"]


def test_a_command_that_is_not_there_is_a_sentence(machine, directory, pids):
    refused = machine.tool("run", "--directory", directory, "--address", "any", "--", "/nowhere/program")

    assert (refused.returncode, refused.stderr) == (1, "/nowhere/program cannot be run: No such file or directory.\n")
    assert pids() == []


def wait_until(condition):
    """Ask until it is so; the limit of a test's time ends what never is."""
    while not condition():
        threading.Event().wait(0.02)


def running(machine, directory, *words):
    """A command that has begun to run beside a cluster."""
    process = subprocess.Popen(
        machine.command("run", "--directory", directory, "--address", "any", "--", *words),
        env=machine.environment,
        cwd=machine.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if line == "runs\n":
            return process
    raise AssertionError("the command did not run")
