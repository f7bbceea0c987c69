"""What the page server needs of an exchange: a route for each path, with answers that are bytes already."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.bench.trades import Sums

Params = Mapping[bytes, bytes]
"""Of the query, or of the body where there is one."""
Answer = Callable[[Params], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange ready to be served."""

    routes: Mapping[bytes, Answer]
    """By path; whole HTTP responses."""
    sums: Sums


def response(body: bytes) -> bytes:
    """A whole answer over a connection that stays open."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def always(body: bytes) -> Answer:
    """The same answer to whatever is asked."""
    ready = response(body)
    return lambda params: ready
