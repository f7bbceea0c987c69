"""Servers as models: a list of records, asked in the way of one paging family. They know nothing of drivers."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import CursorState, Page, Paging, Stream, Task
from metrifly_pipeline.exchanges.paging.registry import DRIVERS
from metrifly_pipeline.exchanges.paging.rows import dig

START = datetime(2024, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its number rises with time; `ms` since START; shown only from `visible_ms` on."""

    number: int
    ms: int
    visible_ms: int = 0

    @property
    def unix_ms(self) -> int:
        return unix_ms(START) + self.ms


def unix_ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def moment(ms: int) -> datetime:
    return START + timedelta(milliseconds=ms)


@dataclass
class Server:
    """What an exchange holds; `page` rows at most in an answer."""

    records: list[Record]
    page: int = 5
    now_ms: int = 10**12
    asked: list[dict[str, Any]] = field(default_factory=list)

    def visible(self, start_ms: int, end_ms: int) -> list[Record]:
        return sorted(
            (
                r
                for r in self.records
                if r.visible_ms <= self.now_ms and start_ms <= r.unix_ms <= end_ms and r.ms <= self.now_ms
            ),
            key=lambda r: r.number,
        )

    def offset(self, params: Mapping[str, Any]) -> Any:
        """Kraken's way: seconds, `start` exclusive, newest first, a mapping and a count."""
        self.asked.append(dict(params))
        found = [
            r for r in self.visible(0, 10**15) if int(params["start"]) * 1000 < r.unix_ms <= int(params["end"]) * 1000
        ][::-1]
        skip = int(params.get("ofs", 0))
        rows = found[skip : skip + self.page]
        return {
            "error": [],
            "result": {
                "trades": {f"T{r.number}": {"time": f"{r.unix_ms // 1000}.{r.unix_ms % 1000:03d}"} for r in rows},
                "count": len(found),
            },
        }

    def by_id(self, params: Mapping[str, Any]) -> Any:
        """Binance's way: ids at or above one, ascending."""
        self.asked.append(dict(params))
        found = [r for r in self.visible(0, 10**15) if r.number >= int(params["fromId"])]
        return [{"id": r.number, "time": r.unix_ms} for r in found[: int(params["limit"])]]

    def backwards(self, params: Mapping[str, Any]) -> Any:
        """OKX's way: newest first inside begin and end, older than an id."""
        self.asked.append(dict(params))
        found = self.visible(int(params["begin"]), int(params["end"]))[::-1]
        if "after" in params:
            found = [r for r in found if r.number < int(params["after"])]
        rows = found[: int(params["limit"])]
        return {"code": "0", "data": [{"billId": str(r.number), "ts": str(r.unix_ms)} for r in rows]}

    def window(self, params: Mapping[str, Any]) -> Any:
        """Binance's wallet's way: a closed span, newest first, at most a page."""
        self.asked.append(dict(params))
        found = self.visible(int(params["startTime"]), int(params["endTime"]))[::-1]
        return {"list": [{"id": r.number, "time": r.unix_ms} for r in found[: self.page]]}


COMMON: dict[str, Any] = {
    "page_size": 5,
    "history_starts": START,
    "overlap": timedelta(hours=1),
    "deep_overlap": timedelta(hours=3),
}

SPECS: dict[Paging, StreamSpec] = {
    Paging.OFFSET_IN_WINDOW: StreamSpec(
        stream=Stream.FILLS,
        endpoint="offset",
        paging=Paging.OFFSET_IN_WINDOW,
        rows_path="result.trades",
        id_field="_key",
        time_field="time",
        time_unit="s",
        param_unit="s",
        exclusive=("start",),
        names={"start": "start", "end": "end", "offset": "ofs", "total": "result.count"},
        **COMMON,
    ),
    Paging.SYMBOL_BY_ID: StreamSpec(
        stream=Stream.FILLS,
        endpoint="by_id",
        paging=Paging.SYMBOL_BY_ID,
        id_field="id",
        time_field="time",
        time_unit="ms",
        scopes=(),
        names={"symbol": "symbol", "from_id": "fromId", "limit": "limit"},
        **COMMON,
    ),
    Paging.ID_BACKWARDS: StreamSpec(
        stream=Stream.FILLS,
        endpoint="backwards",
        paging=Paging.ID_BACKWARDS,
        rows_path="data",
        id_field="billId",
        time_field="ts",
        time_unit="ms",
        names={"start": "begin", "end": "end", "after": "after", "limit": "limit"},
        **COMMON,
    ),
    Paging.HALVED_WINDOW: StreamSpec(
        stream=Stream.DEPOSITS,
        endpoint="window",
        paging=Paging.HALVED_WINDOW,
        rows_path="list",
        id_field="id",
        time_field="time",
        time_unit="ms",
        window=timedelta(hours=2),
        names={"start": "startTime", "end": "endTime"},
        **COMMON,
    ),
}

SETTLE_MS = 60_000


def task(spec: StreamSpec, cursor: CursorState | None, now_ms: int, *, deep: bool = False) -> Task:
    """The task that the planner makes: from the overlap (or the start) to now."""
    overlap = spec.deep_overlap if deep else spec.overlap
    covered = None if cursor is None else cursor.get("covered_to_us")
    since = START if covered is None else max(START, EPOCH + timedelta(microseconds=int(covered)) - overlap)
    return Task(
        stream=spec.stream,
        scope="all",
        cursor=cursor,
        since=since,
        settled_until=moment(now_ms - SETTLE_MS),
        now=moment(now_ms),
        deep=deep,
    )


@dataclass
class Store:
    """What our side has committed: records by id, the cursor, the proven spans."""

    spec: StreamSpec
    records: set[int] = field(default_factory=set)
    cursor: CursorState | None = None
    covered: list[tuple[datetime, datetime]] = field(default_factory=list)

    def commit(self, page: Page) -> None:
        for record in page.records:
            self.records.add(int(str(dig(json.loads(record.payload), self.spec.id_field)).lstrip("T")))
        if page.cursor_after is not None:
            self.cursor = page.cursor_after
        if page.covered is not None:
            self.covered.append((page.covered.start, page.covered.end))

    def sync(
        self,
        server: Server,
        now_ms: int,
        *,
        pages: int | None = None,
        deep: bool = False,
        ask: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> bool:
        """Pull and commit; `pages` stops after so many, as a kill would. Returns whether the task came to its end."""
        server.now_ms = now_ms
        asking = ask or getattr(server, self.spec.endpoint)
        for number, page in enumerate(
            DRIVERS[self.spec.paging](self.spec, task(self.spec, self.cursor, now_ms, deep=deep), asking)
        ):
            if number == pages:
                return False
            self.commit(page)
        return True


def numbers(records: Iterable[Record], until_ms: int) -> set[int]:
    return {r.number for r in records if r.ms <= until_ms and r.visible_ms <= until_ms}


@st.composite
def histories(draw, *, first_ms: int = 0, span_ms: int = 12 * HOUR_MS, most_in_one_ms: int = 5) -> list[Record]:
    """Records whose times often tie, up to as many as a page holds."""
    groups = draw(st.lists(st.tuples(st.integers(first_ms, span_ms), st.integers(1, most_in_one_ms)), max_size=12))
    times = sorted(ms for ms, count in dict(groups).items() for _ in range(count))
    return [Record(number, ms) for number, ms in enumerate(times, start=1)]
