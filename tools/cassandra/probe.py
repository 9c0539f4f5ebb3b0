"""Asks a node over CQL's native protocol whether it serves, without a driver."""

import socket
from typing import Final

VERSION: Final = 4
ERROR: Final = 0x00
STARTUP: Final = 0x01
OPTIONS: Final = 0x05
SUPPORTED: Final = 0x06
QUERY: Final = 0x07
RESULT: Final = 0x08
STARTUP_BODY: Final = b"\0\1\0\x0bCQL_VERSION\0\x053.0.0"
CONSISTENCY_ALL: Final = 5
SKIP_METADATA: Final = 2
HEADER_BYTES: Final = 9
ERROR_TEXT_OFFSET: Final = 6
"""After the code and the length of the text."""

CONNECT_SECONDS_MAX: Final = 1
ANSWER_SECONDS_MAX: Final = 5

READ_OF_ALL: Final = (
    b"SELECT parent_id FROM system_distributed.parent_repair_history"
    b" WHERE parent_id = 00000000-0000-1000-8000-000000000000"
)
"""Of a keyspace that every cluster has, with three replicas of each row."""


def serves(address: str, port: int) -> bool:
    """Whether the node answers clients."""
    try:
        with connected(address, port) as connection:
            return asked(connection, OPTIONS, b"")[0] == SUPPORTED
    except OSError:
        return False


def failure_of_three(address: str, port: int) -> str | None:
    """Why the node, as the coordinator of a read at consistency ALL, does not get the answers of three live replicas,
    or None where it does."""
    query = len(READ_OF_ALL).to_bytes(4) + READ_OF_ALL + CONSISTENCY_ALL.to_bytes(2) + bytes([SKIP_METADATA])
    try:
        with connected(address, port) as connection:
            asked(connection, STARTUP, STARTUP_BODY)
            opcode, body = asked(connection, QUERY, query)
    except OSError as error:
        return str(error)
    if opcode == RESULT:
        return None
    return body[ERROR_TEXT_OFFSET:].decode(errors="replace") if opcode == ERROR else f"the answer is of kind {opcode}"


def connected(address: str, port: int) -> socket.socket:
    """Raises OSError where nobody listens."""
    connection = socket.create_connection((address, port), CONNECT_SECONDS_MAX)
    connection.settimeout(ANSWER_SECONDS_MAX)
    return connection


def asked(connection: socket.socket, opcode: int, body: bytes) -> tuple[int, bytes]:
    """Opcode and body of the answer. Raises OSError where none comes."""
    connection.sendall(bytes([VERSION, 0, 0, 0, opcode]) + len(body).to_bytes(4) + body)
    header = received(connection, HEADER_BYTES)
    return header[4], received(connection, int.from_bytes(header[5:]))


def received(connection: socket.socket, count: int) -> bytes:
    """Exactly so many bytes. Raises OSError where the other side ends first."""
    data = bytearray()
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionResetError("the connection ended inside an answer")
        data += part
    return bytes(data)
