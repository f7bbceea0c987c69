"""The page server: a process of its own that hands out ready bytes and does as little else as it can.

`python -m tests.bench.server EXCHANGE TRADES NOW_US` prints one line of JSON when it listens: port and sums. `GET /_used` answers how much
CPU it has used and how many requests it has answered; `GET /_asked` what was asked between the last two of those.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Mapping
from typing import ClassVar

from tests.bench.trades import make_up
from tests.bench.wire import Answer, response

SEED = 20_260_101
_BLANK = b"\r\n\r\n"
_LENGTH = b"content-length:"

Asked = tuple[str, str, str]
"""Verb, target and body of a request."""


class Pages(asyncio.Protocol):
    """One connection; requests come one after the other."""

    answered = 0
    asking: ClassVar[list[Asked]] = []
    asked: ClassVar[list[Asked]] = []

    def __init__(self, routes: Mapping[bytes, Answer]) -> None:
        self._routes = routes
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._waiting + data
        head, blank, body = data.partition(_BLANK)
        if not blank or len(body) < _body_length(head):
            self._waiting = data
            return
        self._waiting = b""
        assert self._transport is not None
        self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        verb, target, _ = head.split(b" ", 2)
        path, _, query = target.partition(b"?")
        if path == b"/_used":
            Pages.asking, Pages.asked = [], Pages.asking
            return response(json.dumps({"cpu": time.process_time(), "requests": Pages.answered}).encode())
        if path == b"/_asked":
            return response(json.dumps(Pages.asked).encode())
        Pages.answered += 1
        Pages.asking.append((verb.decode(), target.decode(), body.decode()))
        given = body or query
        return self._routes[path](dict(pair.split(b"=", 1) for pair in given.split(b"&")) if given else {})


def _body_length(head: bytes) -> int:
    if head.startswith(b"GET"):
        return 0
    lines = (line for line in head.lower().split(b"\r\n") if line.startswith(_LENGTH))
    return int(next(lines, b":0").partition(b":")[2])


async def _serve(exchange: str, count: int, now_us: int) -> None:
    rendered = importlib.import_module(f"tests.bench.{exchange}").render(make_up(count, SEED, now_us))
    server = await asyncio.get_running_loop().create_server(lambda: Pages(rendered.routes), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "sums": rendered.sums.as_texts()}), flush=True)  # noqa: T201 - the line the bench waits for
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
