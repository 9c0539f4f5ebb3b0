import socket
import threading

import pytest

from tools.cassandra import probe


@pytest.fixture
def node():
    """node(*answers): the port of a server that gives these answers to one connection, then closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(answers):
        connection, _ = listener.accept()
        with connection:
            for answer in answers:
                header = connection.recv(probe.HEADER_BYTES, socket.MSG_WAITALL)
                connection.recv(int.from_bytes(header[5:]), socket.MSG_WAITALL)
                connection.sendall(answer)

    def started(*answers):
        threading.Thread(target=serve, args=(answers,), daemon=True).start()
        return listener.getsockname()[1]

    with listener:
        yield started


def frame(opcode, body=b""):
    return bytes([0x84, 0, 0, 0, opcode]) + len(body).to_bytes(4) + body


def test_a_node_that_answers_serves(node):
    assert probe.serves("127.0.0.1", node(frame(probe.SUPPORTED)))


@pytest.mark.parametrize("answer", [b"", frame(probe.SUPPORTED)[:5], frame(probe.ERROR), b"HTTP/1.1 400 Bad Request"])
def test_another_answer_is_none(node, answer):
    assert not probe.serves("127.0.0.1", node(answer))


def test_nobody_serves(node):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert not probe.serves("127.0.0.1", port)


def test_a_read_that_all_replicas_answer_succeeds(node):
    port = node(frame(2), frame(probe.RESULT, b"\0\0\0\1"))

    assert probe.failure_of_three("127.0.0.1", port) is None


def test_a_read_that_fails_says_why(node):
    text = b"Cannot achieve consistency level ALL"
    port = node(frame(2), frame(probe.ERROR, b"\0\0\x10\0" + len(text).to_bytes(2) + text))

    assert probe.failure_of_three("127.0.0.1", port) == "Cannot achieve consistency level ALL"
