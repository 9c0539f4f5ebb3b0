"""The server outlives its clients: those that hang up, are slow, are many, or talk nonsense."""

import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONNECTIONS = 500


def works(wire):
    """The server answers as before."""
    status, _, body = wire.exchange(wire.request())
    return status == 200 and "TableNames" in json.loads(body)


@pytest.mark.parametrize("half_close", [False, True])
def test_a_request_cut_at_any_byte(wire, half_close):
    request = wire.request(body=b'{"Limit": 1}')

    for length in range(len(request)):
        with wire.connect() as connection:
            connection.sendall(request[:length])
            if half_close:
                connection.shutdown(socket.SHUT_WR)
                wire.read_until_closed(connection)

    assert works(wire)


def test_a_client_that_resets_the_connection_before_its_answer(wire):
    for _ in range(100):
        connection = wire.connect()
        connection.sendall(wire.request())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    assert works(wire)


def test_writes_of_clients_that_hang_up_harm_nobody(wire, client, create_table):
    """Each write happens or not; the server and the other writes go on."""
    name = create_table()
    for number in range(50):
        item = {"pk": {"S": f"{number}"}, "sk": {"S": "x"}}
        with wire.connect() as connection:
            connection.sendall(wire.request("PutItem", json.dumps({"TableName": name, "Item": item}).encode()))

    client.put_item(TableName=name, Item={"pk": {"S": "after"}, "sk": {"S": "x"}})

    assert "Item" in client.get_item(TableName=name, Key={"pk": {"S": "after"}, "sk": {"S": "x"}})


def test_a_client_that_shuts_down_its_side_still_gets_its_answer(wire):
    with wire.connect() as connection:
        connection.sendall(wire.request())
        connection.shutdown(socket.SHUT_WR)

        assert 200 == wire.read(connection)[0]


def test_a_request_in_pieces_of_one_byte(wire):
    with wire.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in wire.request():
            connection.sendall(bytes([byte]))

        assert 200 == wire.read(connection)[0]


@pytest.mark.parametrize("state", ["silent", "half a request"])
def test_500_connections_that_say_nothing_more(ours, servers, state, wire_of):
    """Only the default server: gunicorn's threads are for clients behind a proxy."""
    wire = wire_of(servers("magnetodb-api"))
    connections = [wire.connect() for _ in range(CONNECTIONS)]
    try:
        if state != "silent":
            for connection in connections:
                connection.sendall(wire.request()[:40])

        assert works(wire)
        for connection in connections:
            connection.sendall(wire.request() if state == "silent" else wire.request()[40:])
        assert [200] * CONNECTIONS == [wire.read(connection)[0] for connection in connections]
    finally:
        for connection in connections:
            connection.close()


def test_over_the_limit_the_idle_make_room(ours, new_server, wire_of):
    wire = wire_of(new_server("magnetodb-api", connections_max=10))
    connections = [wire.connect() for _ in range(30)]

    assert works(wire)
    for connection in connections:
        connection.close()
    assert works(wire)


def test_silent_clients_are_let_go(ours, new_server, wire_of):
    wire = wire_of(new_server("magnetodb-api", idle_timeout=1, request_timeout=1))

    with wire.connect() as idle, wire.connect() as slow:
        slow.sendall(wire.request()[:-1])

        assert b"" == wire.read_until_closed(idle)
        assert b"HTTP/1.1 408 " == wire.read_until_closed(slow)[:13]
    assert works(wire)


def test_a_client_that_does_not_read_its_answers_is_let_go(ours, new_server, wire_of):
    wire = wire_of(new_server("magnetodb-api", request_timeout=1))

    with wire.connect() as connection, pytest.raises(OSError, match=r"reset|[Bb]roken"):  # noqa: PT012
        while True:
            connection.sendall(wire.request() * 100)
    assert works(wire)


def test_pipelined_requests_are_answered_in_order(wire):
    """Fast, slow and refused ones mixed."""
    requests = []
    expected = []
    for number in range(40):
        if number % 3 == 0:
            requests.append(wire.request(body=b"{"))
            expected.append(400)
        elif number % 3 == 1:
            requests.append(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            expected.append(404)
        else:
            requests.append(wire.request())
            expected.append(200)
    requests.append(wire.request(Connection="close"))
    with wire.connect() as connection:
        connection.sendall(b"".join(requests))
        statuses = re.findall(rb"HTTP/1.1 (\d+) ", wire.read_until_closed(connection))

    assert [*expected, 200] == [int(status) for status in statuses]


def test_one_connection_carries_many_requests(wire):
    with wire.connect() as connection:
        for _ in range(50):
            connection.sendall(wire.request())
            assert 200 == wire.read(connection)[0]


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_connection_close_is_heard(wire, version):
    with wire.connect() as connection:
        connection.sendall(wire.request(Connection="close").replace(b"HTTP/1.1", version, 1))

        assert b" 200 OK" == wire.read_until_closed(connection)[8:15]


def chunked(wire, *chunks, trailer=b""):
    head = wire.request(body=b"", Content_Length=None, Transfer_Encoding="chunked")
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("chunks", [[b"{}"], [b"{", b"}"], [b"{}", b" " * 100_000]])
def test_a_chunked_body(wire, chunks):
    assert 200 == wire.exchange(chunked(wire, *chunks))[0]


def test_trailers_are_no_headers(wire):
    trailer = b"X-Amz-Target: DynamoDB_20120810.Nothing\r\n"

    assert 200 == wire.exchange(chunked(wire, b"{}", trailer=trailer))[0]


def test_a_chunked_body_over_the_limit(wire):
    chunk = b" " * 1_000_000
    with wire.connect() as connection:
        connection.sendall(chunked(wire, *[chunk] * 17))

        assert 413 == wire.read(connection)[0]


def test_a_client_that_waits_for_100_continue(wire):
    request = wire.request(body=b'{"Limit": 1}', Expect="100-continue")
    head, body = request[:-12], request[-12:]
    with wire.connect() as connection:
        connection.sendall(head)
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == connection.recv(25, socket.MSG_WAITALL)
        connection.sendall(body)

        assert 200 == wire.read(connection)[0]


def test_what_is_too_large_is_refused_before_it_is_sent(ours, servers, wire_of):
    """A client that waits for 100 Continue need not send it at all."""
    wire = wire_of(servers("magnetodb-api"))
    head = wire.request(body=b"", Expect="100-continue", Content_Length=str(2**40))

    assert 413 == wire.exchange(head)[0]


NONSENSE = [
    b"\0" * 100,
    b"\r\n" * 100,
    b"GET\r\n\r\n",
    b"POST / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
    b"POST / HTTP/1.1\r\nX: a\0b\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\0\1\2",
    b"POST / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500,
    b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000,
    b"POST / HTTP/1.1\r\nX: " + b"y" * 1_000_000,
    b"POST /" + b"y" * 1_000_000,
]


@pytest.mark.parametrize("data", NONSENSE, ids=lambda data: repr(data[:60]))
def test_nonsense_is_refused_and_harms_nobody(wire, data):
    with wire.connect() as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = wire.read_until_closed(connection)
        except OSError:
            answer = b""

    assert b"" == answer or 200 <= int(answer.split(b" ")[1]) < 506
    assert works(wire)


def test_requests_with_random_bytes_changed(wire):
    """The same ones each time."""
    random_numbers = random.Random(20120810)
    for _ in range(300):
        request = bytearray(wire.request(body=b'{"Limit": 1, "ExclusiveStartTableName": "abc"}', Connection="close"))
        for _ in range(random_numbers.randrange(1, 4)):
            request[random_numbers.randrange(len(request))] = random_numbers.randrange(256)
        with wire.connect() as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = wire.read_until_closed(connection)
        assert not answer.startswith(b"HTTP/1.1 5") or answer.startswith((b"HTTP/1.1 501", b"HTTP/1.1 505"))

    assert works(wire)


def test_sigterm_finishes_the_requests_in_hand(ours, front, new_server, wire_of):
    """Half of a request has come when the server is told to stop; the rest is still answered."""
    server = new_server(front)
    wire = wire_of(server)
    request = wire.request(body=b"{}" + b" " * 1_000_000)
    with wire.connect() as connection:
        connection.sendall(wire.request())
        assert 200 == wire.read(connection)[0]
        connection.sendall(request[:500_000])
        server.process.send_signal(signal.SIGTERM)
        await_no_listener(wire)
        connection.sendall(request[500_000:])

        assert 200 == wire.read(connection)[0]
    assert 0 == server.process.wait(20)


def await_no_listener(wire):
    """The server has heard the signal: it takes no more connections."""
    while True:
        try:
            wire.connect(timeout=5).close()
        except OSError:
            return


def test_what_was_written_is_there_after_a_restart(ours, front, new_server, tmp_path, wire_of):
    for number in range(2):
        server = new_server(front, tmp_path)
        wire = wire_of(server)
        status, _, body = wire.exchange(
            wire.request(
                "CreateTable",
                json.dumps(
                    {
                        "TableName": f"table-{number}",
                        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                        "BillingMode": "PAY_PER_REQUEST",
                    }
                ).encode(),
            )
        )
        assert 200 == status, body
        tables = json.loads(wire.exchange(wire.request())[2])["TableNames"]
        assert 0 == server.stop()

    assert ["table-0", "table-1"] == tables


def start(*arguments, program=("magnetodb.commands.api",), **environment):
    """A server that is expected to end by itself: (exit code, what it wrote to standard error)."""
    finished = subprocess.run(
        [sys.executable, "-m", *program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    return finished.returncode, finished.stderr


def test_a_busy_port_is_a_clear_message(ours, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, message = start("--bind-port", str(port), "--data-dir", str(tmp_path))

    assert 1 == code
    assert f"magnetodb-api: cannot listen on 127.0.0.1:{port}: " in message
    assert "Traceback" not in message


@pytest.mark.data_file
@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_data_directory_that_cannot_be_is_a_clear_message(ours, tmp_path, place):
    (tmp_path / "file").write_text("")
    code, message = start("--bind-port", "0", "--data-dir", str(tmp_path / place))

    assert 1 == code
    assert message.startswith("magnetodb-api: ")
    assert "Traceback" not in message


GUNICORN = ("gunicorn", "-c", "etc/magnetodb/gunicorn.conf.py")


@pytest.mark.data_file
def test_gunicorn_ends_where_another_server_has_the_data_directory(ours, new_server, tmp_path):
    new_server("magnetodb-api", tmp_path)

    code, message = start(program=GUNICORN, MAGNETODB_BIND_PORT="0", MAGNETODB_DATA_DIR=str(tmp_path))

    assert 3 == code
    assert 1 == len(re.findall("^magnetodb: .*$", message, re.MULTILINE))
    assert "Traceback" not in message


def test_gunicorn_survives_a_reload(ours, new_server, wire_of):
    """Its new worker comes before the old one has let go of the data file."""
    server = new_server("gunicorn")
    assert works(wire_of(server))

    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while server.output.count("auth: none\n") < 2 and time.monotonic() < deadline:
        threading.Event().wait(0.05)

    assert 2 == server.output.count("auth: none\n")
    assert works(wire_of(server))


@pytest.mark.parametrize(("program", "name"), [(("magnetodb.commands.api",), "magnetodb-api"), (GUNICORN, "magnetodb")])
def test_a_misspelled_option_is_a_clear_message(ours, tmp_path, program, name):
    code, message = start(program=program, MAGNETODB_DATA_DIRECTORY=str(tmp_path))

    assert 1 == code
    assert message.startswith(f"{name}: There is no option of the environment variable MAGNETODB_DATA_DIRECTORY.")
    assert "Traceback" not in message


@pytest.mark.data_file
@pytest.mark.parametrize("content", ["other program", "no database", "newer format"])
def test_a_data_file_that_is_not_ours_is_a_clear_message_and_stays_as_it_was(ours, tmp_path, content):
    file = tmp_path / "magnetodb.sqlite"
    if content == "no database":
        file.write_bytes(b"something else entirely, and long enough to be looked at" * 100)
    else:
        with sqlite3.connect(file) as database:
            database.execute("CREATE TABLE theirs (a)")
            database.execute("PRAGMA user_version = 1000000")
            if content == "newer format":
                database.execute(f"PRAGMA application_id = {application_id(tmp_path / 'ours')}")
    before = file.read_bytes()

    code, message = start("--bind-port", "0", "--data-dir", str(tmp_path))

    assert 1 == code
    assert message.startswith("magnetodb-api: ")
    assert "Traceback" not in message
    assert before == file.read_bytes()


def application_id(directory):
    """How a data file of ours is marked: taken from one that a server made."""
    process = subprocess.Popen(
        [sys.executable, "-m", "magnetodb.commands.api", "--bind-port", "0", "--data-dir", str(directory)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    process.stdout.readline()
    process.terminate()
    process.wait(20)
    with sqlite3.connect(directory / "magnetodb.sqlite") as database:
        return database.execute("PRAGMA application_id").fetchone()[0]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_strangers_are_not_let_in_without_authentication(ours, tmp_path, host):
    code, message = start("--bind-host", host, "--bind-port", "0", "--data-dir", str(tmp_path))

    assert 1 == code
    assert "--allow-anonymous-remote" in message


def test_signatures_need_keys(ours, tmp_path):
    code, message = start("--auth", "sigv4", "--bind-port", "0", "--data-dir", str(tmp_path))

    assert 1 == code
    assert "access_keys" in message


@pytest.mark.parametrize("keys", ["AK:top-secret", "AK:top-secret:orders:emperor", ":::", "AK:top-secret::member"])
def test_a_wrong_access_key_is_refused_without_telling_its_secret(ours, tmp_path, keys):
    code, message = start("--auth", "sigv4", "--data-dir", str(tmp_path), MAGNETODB_ACCESS_KEYS=keys)

    assert 1 == code
    assert "access_keys: " in message
    assert "top-secret" not in message


def test_the_start_says_what_to_know(ours, new_server, wire_of):
    server = new_server("magnetodb-api")
    said = server.output

    assert f"MagnetoDB listens on {server.url}\n" in said
    assert works(wire_of(server))
    text = "".join(said)
    assert re.search(r"^(data file: /.*magnetodb\.sqlite|cassandra: keyspace .* at .*)$", text, re.MULTILINE)
    assert "auth: none\n" in said
    assert f'boto3.client("dynamodb", endpoint_url="{server.url}"' in text


def test_gunicorn_says_what_it_serves(ours, new_server, wire_of):
    server = new_server("gunicorn")
    assert works(wire_of(server))

    said = "".join(server.output)
    assert re.search(r"^(data file: /.*magnetodb\.sqlite|cassandra: keyspace .* at .*)$", said, re.MULTILINE)
    assert "auth: none\n" in server.output


def test_many_clients_at_once(wire):
    failures = []

    def ask():
        with wire.connect() as connection:
            for _ in range(25):
                connection.sendall(wire.request())
                if wire.read(connection)[0] != 200:
                    failures.append(1)

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures
