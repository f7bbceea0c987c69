"""What goes over the wire, freed of the web framework: a dialect gets a Request and gives a Response."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrived; nothing in it is decoded, because signatures cover the raw text."""

    method: str
    path: str
    """Without the query, exactly as sent."""
    query_string: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    client_ip: str
    now: float
    """The exchange's clock, unix seconds."""

    @property
    def now_ms(self) -> int:
        """The exchange's clock in milliseconds."""
        return int(self.now * 1_000)

    @property
    def now_us(self) -> int:
        """The exchange's clock in microseconds."""
        return round(self.now * 1_000_000)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one the last."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The body's parameters, read as a form."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the dialect answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_HEADERS)


Handler = Callable[[Request], Response]


def json_response(payload: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a JSON body, without blanks as exchanges send it."""
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(status=status, body=body, headers=JSON_HEADERS if headers is None else {**JSON_HEADERS, **headers})
