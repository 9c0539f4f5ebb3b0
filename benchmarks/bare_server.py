"""The bare server: the same stack as `magnetodb-api` (uvloop, httptools), and a constant answer to every request.

What it reaches is the most that this stack can do; the benchmark compares our GetItem with it in the same run. The
answer is that of a GetItem; a few members beside the item let the load generator take it for any other answer as well.
"""

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

import httptools
import uvloop

ATTRIBUTES = b",".join(b'"field%02d":{"S":"%s"}' % (number, b"x" * 24) for number in range(11))
BODY = (
    b'{"Item":{"pk":{"S":"user#00000001"},"sk":{"S":"order#00000001"},' + ATTRIBUTES + b"},"
    b'"Table":{"TableStatus":"ACTIVE"},"Count":10,"Items":[1,2,3,4,5,6,7,8,9,10]}'
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
    b"x-amzn-RequestId: 0000000000000000000000000000000000000000000000000000\r\nx-amz-crc32: 0\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


class Connection(asyncio.Protocol):
    """Answers each complete request with ANSWER."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.write: Callable[[bytes], Any] = len

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self.write = transport.write  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Answer: called by the parser."""
        self.write(ANSWER)


async def serve(port: int) -> None:
    """Serve on 127.0.0.1 until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=8490)
    uvloop.run(serve(arguments.parse_args().port))
