"""A receiver of webhooks on this machine, which answers as a test says and keeps what it got."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG = 0
"""An answer that never comes."""
DRIP = 1
"""An answer that begins and never ends, a byte now and then."""


@dataclass
class Receiving:
    """What arrived, and how to answer the next ones; 200 when nothing is planned."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[dict]:
        return [json.loads(body) for _headers, body in self.got]

    def taken(self) -> list[dict]:
        """Messages since the last call."""
        found, self.got[:] = self.messages, []
        return found


def is_signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """What a receiver does with a message, written from the README's words."""
    signed = headers["metrifly-timestamp"].encode() + b"." + body
    expected = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers["metrifly-signature"])


@contextmanager
def receiving() -> Iterator[Receiving]:
    made = Receiving()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = made.answers.pop(0) if made.answers else 200
            if status == DRIP:
                self._drip()
            elif status == HANG:
                made.released.wait()
            else:
                self.send_response(status)
                self.send_header("Location", made.url)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def _drip(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Filler: ")
            while not made.released.wait(0.02):
                try:
                    self.wfile.write(b"2")
                except OSError:
                    return

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
