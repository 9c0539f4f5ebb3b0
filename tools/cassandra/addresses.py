"""Which of this machine's loopback addresses are free."""

import errno
import random
import socket
from collections.abc import Sequence
from typing import Final

from tools.cassandra.errors import ClusterError
from tools.cassandra.settings import Settings

ADDRESSES_TRIED_MAX: Final = 100


def free_address(nodes: int = 1, ports: Sequence[int] = (Settings.port, Settings.storage_port)) -> str:
    """A loopback address from which on so many are free, at random, so that others who choose get another one."""
    for _ in range(ADDRESSES_TRIED_MAX):
        address = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.1"
        if all(obstacle(each, port) is None for each in Settings(nodes, address).addresses for port in ports):
            return address
    raise ClusterError("No loopback address is free.")


def check_free(address: str, *ports: int) -> None:
    """Raise ClusterError where another program listens on one of the ports."""
    for port in ports:
        if reason := obstacle(address, port):
            raise ClusterError(
                f"Port {port} of {address} cannot be used: {reason}. Another cluster may run there, or another "
                "Cassandra; --address any takes addresses that are free."
            )


def obstacle(address: str, port: int) -> str | None:
    """Why one cannot listen there, or None."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError as error:
            return "it is taken" if error.errno == errno.EADDRINUSE else str(error.strerror)
    return None
