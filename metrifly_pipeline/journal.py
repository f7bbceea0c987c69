"""The journal: what syncs and publishes did, a line of JSON each, for whoever searches logs. Ids, numbers and fixed words only.

No name that a person gave, no text of an exchange and no secret: those stand where access to them is looked after, in the control database.
"""

import os
from collections.abc import Collection, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Clock, Journal

KEPT = timedelta(days=30)
_MASK = b"x"
_READABLE_BY_OWNER = 0o600


def open_journal(folder: Path, clock: Clock) -> Journal:
    """A journal that writes to `metrifly-<day>.jsonl` in `folder`, made with the first line; a new day ends what is older than 30."""

    def stamped(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        fields["at"] = clock().isoformat()
        return fields

    logger = structlog.wrap_logger(
        _DayFiles(folder, clock),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            stamped,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.BoundLogger,
    )

    def write(event: str, *, wrong: bool = False, **fields: object) -> None:
        (logger.warning if wrong else logger.info)(event, **fields)

    return write


@contextmanager
def within(**fields: str) -> Iterator[None]:
    """Let every line of the block carry these fields, such as the run that it is part of."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def forget_in(folder: Path, connections: Collection[ConnectionId]) -> bool:
    """Take these connections out of all that our processes wrote to a folder, the journal too; whether nothing there names them any more."""
    named = [path for path in sorted(folder.rglob("*")) if path.is_file() and names_any(path, connections)]
    for path in named:
        with suppress(OSError):
            write_over(path, connections)
    return not any(names_any(path, connections) for path in named)


def names_any(path: Path, wanted: Collection[str]) -> bool:
    """Whether a file names one of these ids anywhere; one that is gone does not."""
    try:
        told = path.read_bytes()
    except FileNotFoundError:
        return False
    return any(each.encode() in told for each in wanted)


def write_over(path: Path, wanted: Collection[str]) -> None:
    """Write over ids where they stand, so that a process may go on writing behind them."""
    told = path.read_bytes()
    with path.open("r+b") as opened:
        for each in (each.encode() for each in wanted):
            place = told.find(each)
            while place >= 0:
                opened.seek(place)
                opened.write(_MASK * len(each))
                place = told.find(each, place + len(each))


class _DayFiles:
    """Appends to a file a day, opened for each line: several processes write to it, and it may be moved away at any time."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def info(self, line: str) -> None:
        """Append one line."""
        path = self._folder / f"metrifly-{self._clock():%Y-%m-%d}.jsonl"
        if not path.exists():
            self._begin_day()
        # One write to a file opened for appending is not mixed with another process's.
        place = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _READABLE_BY_OWNER)
        try:
            os.write(place, f"{line}\n".encode())
        finally:
            os.close(place)

    warning = info

    def _begin_day(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        oldest = f"metrifly-{self._clock() - KEPT:%Y-%m-%d}.jsonl"
        for file in self._folder.glob("metrifly-????-??-??.jsonl"):
            if file.name < oldest:
                file.unlink(missing_ok=True)
