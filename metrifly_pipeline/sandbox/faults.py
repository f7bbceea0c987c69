"""Faults on demand: the next N matching requests are answered wrongly, in one of the ways real exchanges have shown."""

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from metrifly_pipeline.sandbox.dialects import Dialect
from metrifly_pipeline.sandbox.wire import JSON_HEADERS, Request, Response, json_response


class FaultKind(StrEnum):
    """What goes wrong."""

    HTML_200 = "html200"
    TRUNCATED_JSON = "truncated_json"
    EMPTY_BODY = "empty_body"
    EMPTY_OBJECT = "empty_object"
    UNKNOWN_ENVELOPE = "unknown_envelope"
    STATUS_500 = "status_500"
    STATUS_503 = "status_503"
    STATUS_429 = "status_429"
    """`value`: the Retry-After seconds; empty = none is sent."""
    STATUS_418 = "status_418"
    """The same for Binance's ban."""
    RESET = "reset"
    """The connection breaks in mid-body."""
    TIMEOUT = "timeout"
    """`value`: seconds before the answer comes (30)."""
    BAD_ROW_NAN = "bad_row_nan"
    BAD_ROW_DECIMALS = "bad_row_decimals"
    """19 decimals."""
    BAD_ROW_TIME = "bad_row_time"
    BAD_ROW_NULL = "bad_row_null"
    DUPLICATE_PAGE = "duplicate_page"
    """The page before is sent again."""
    LOOPING_PAGE = "looping_page"
    """The first page that matched is sent again and again."""
    CLOCK_SKEW = "clock_skew"
    """`value`: seconds by which the exchange's clock is ahead while the fault lasts."""
    BODY = "body"
    """`value`: the body to answer with, at status 200."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault and how often it still strikes."""

    exchange: str
    path: str
    """A part of the path; empty = every path."""
    kind: FaultKind
    times: int = 1
    after: int = 0
    """Matching requests that pass unharmed first."""
    value: str = ""
    kept: bytes | None = None
    """The page that a looping fault repeats."""

    def strikes(self, exchange: str, path: str) -> bool:
        """Whether it strikes this request; counts down."""
        if self.times <= 0 or exchange != self.exchange or self.path not in path:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class Faults:
    """The faults that are set; the first that matches a request strikes it."""

    pending: list[Fault] = field(default_factory=list)
    _last_pages: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """Set a fault."""
        self.pending.append(fault)

    def clear(self) -> None:
        """Take all faults away."""
        self.pending.clear()

    def take(self, exchange: str, path: str) -> Fault | None:
        """The fault that strikes this request, if any."""
        struck = next((fault for fault in self.pending if fault.strikes(exchange, path)), None)
        self.pending = [fault for fault in self.pending if fault.times > 0]
        return struck

    def spoil(self, fault: Fault | None, dialect: Dialect, request: Request, response: Response) -> Response:
        """The answer as the fault makes it; RESET and TIMEOUT are the server's, CLOCK_SKEW came before."""
        page = (dialect.name, request.path)
        before = self._last_pages.get(page, response.body)
        self._last_pages[page] = response.body
        if fault is None:
            return response
        if fault.kind is FaultKind.DUPLICATE_PAGE:
            return Response(body=before)
        if fault.kind is FaultKind.LOOPING_PAGE:
            fault.kept = fault.kept or response.body
            return Response(body=fault.kept)
        if fault.kind in _BAD_VALUES:
            return _with_bad_row(fault.kind, dialect, request.path, response)
        return _whole_answer(fault, response)


def _whole_answer(fault: Fault, response: Response) -> Response:
    retry_after = {**JSON_HEADERS, "Retry-After": fault.value} if fault.value else JSON_HEADERS
    answers = {
        FaultKind.HTML_200: Response(body=_HTML, headers=_HTML_HEADERS),
        FaultKind.TRUNCATED_JSON: Response(body=response.body[: len(response.body) * 2 // 3]),
        FaultKind.EMPTY_BODY: Response(body=b""),
        FaultKind.EMPTY_OBJECT: json_response({}),
        FaultKind.UNKNOWN_ENVELOPE: json_response({"status": "failure", "reason": "temporarily out of order"}),
        FaultKind.STATUS_500: Response(status=500, body=_HTML, headers=_HTML_HEADERS),
        FaultKind.STATUS_503: Response(status=503, body=_HTML, headers=_HTML_HEADERS),
        FaultKind.STATUS_429: Response(status=429, body=b"{}", headers=retry_after),
        FaultKind.STATUS_418: Response(status=418, body=b"{}", headers=retry_after),
        FaultKind.BODY: Response(body=fault.value.encode()),
    }
    return answers.get(fault.kind, response)


_HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
_HTML_HEADERS = {"Content-Type": "text/html; charset=utf-8"}

_BAD_VALUES: dict[FaultKind, Any] = {
    FaultKind.BAD_ROW_NAN: "NaN",
    FaultKind.BAD_ROW_DECIMALS: "0.1234567890123456789",
    FaultKind.BAD_ROW_TIME: "the day before yesterday",
    FaultKind.BAD_ROW_NULL: None,
}

# A bare number's own digits survive decoding and encoding as a marked string, which is unmarked afterwards.
_MARK = "\x00"
_MARKED = re.compile(r'"\\u0000([^"]*)"')


def _with_bad_row(kind: FaultKind, dialect: Dialect, path: str, response: Response) -> Response:
    """Spoil one value of the first record; every other digit stays as it was."""
    fields = dialect.row_fields(path)
    if fields is None:
        return response
    payload = json.loads(response.body, parse_float=_MARK.__add__, parse_int=_MARK.__add__)
    rows = dialect.rows(path, payload)
    if not rows:
        return response
    name = fields.time if kind is FaultKind.BAD_ROW_TIME else fields.amount
    rows[0][name] = _BAD_VALUES[kind]
    text = json.dumps(payload, separators=(",", ":"))
    return Response(status=response.status, body=_MARKED.sub(r"\1", text).encode(), headers=response.headers)
