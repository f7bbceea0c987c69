"""Which exchanges there are, and which of them have a room here. Rooms are found by looking: a folder with a `spec.py` is one."""

import csv
import importlib
import io
import pkgutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from types import ModuleType
from typing import Any

from metrifly_pipeline import exchanges
from metrifly_pipeline.domain.lake_rows import Alias, Room
from metrifly_pipeline.domain.linking import INSTEAD, NOT_LINKED
from metrifly_pipeline.domain.ports import CatalogEntry
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from metrifly_pipeline.exchanges.client import ccxt_module
from metrifly_pipeline.exchanges.room import RoomHooks, any_shape, every_market, leave_as_is, no_error

_OPTIONAL_HOOKS = {
    "error_of": no_error,
    "check": any_shape,
    "configure": leave_as_is,
    "candidate_symbols": every_market,
    "server_time": None,
}


@cache
def room_names() -> tuple[str, ...]:
    """The exchanges that have a room, by name."""
    return tuple(
        sorted(
            module.name
            for module in pkgutil.iter_modules(exchanges.__path__)
            if module.ispkg and resources.files(f"{exchanges.__name__}.{module.name}").joinpath("spec.py").is_file()
        )
    )


@cache
def hooks(exchange: str) -> RoomHooks:
    """The spec and functions of one room; NotFoundError for no such exchange, RefusedError for one without a room."""
    if exchange not in room_names():
        if exchange not in titles():
            raise NotFoundError(f"There is no exchange called {exchange!r}; `metrifly exchanges` lists them all.")
        raise RefusedError(f"{NOT_LINKED}. {INSTEAD}")
    modules = _modules(exchange)
    found: dict[str, Any] = {name: _function(modules, name, default) for name, default in _OPTIONAL_HOOKS.items()}
    return RoomHooks(
        spec=modules[0].SPEC, probe=_function(modules, "probe"), markets=_function(modules, "markets"), **found
    )


@cache
def room(exchange: str) -> Room:
    """The SQL and asset codes of one room."""
    hooks(exchange)
    files = resources.files(f"{exchanges.__name__}.{exchange}")
    sql = {
        name: files.joinpath(f"{name}.sql").read_text(encoding="utf-8") for name in ("trades", "movements", "balances")
    }
    return Room(
        exchange=exchange,
        trades_sql=sql["trades"],
        movements_sql=sql["movements"],
        balances_sql=sql["balances"],
        aliases=read_aliases(files.joinpath("aliases.csv").read_text(encoding="utf-8")),
    )


def rooms() -> Mapping[str, Room]:
    """All rooms by exchange."""
    return {name: room(name) for name in room_names()}


@cache
def titles() -> Mapping[str, str]:
    """Every exchange that ccxt knows, with the name people call it by; rooms' own titles first."""
    module = ccxt_module()
    known = {name: _title(module, name) for name in module.exchanges}
    return known | {name: _modules(name)[0].SPEC.title for name in room_names()}


def search(text: str) -> Sequence[CatalogEntry]:
    """Every exchange whose name or title contains `text` (any case), linked ones first."""
    wanted = text.strip().casefold()
    linked = set(room_names())
    found = [
        CatalogEntry(name=name, title=title, has_room=name in linked)
        for name, title in titles().items()
        if wanted in name.casefold() or wanted in title.casefold()
    ]
    return sorted(found, key=lambda entry: (not entry.has_room, entry.title.casefold(), entry.name))


def read_aliases(text: str) -> tuple[Alias, ...]:
    """Read a room's aliases.csv: code, asset, wallet, valid_from, valid_to, source; days are ISO, empty means open."""
    return tuple(
        Alias(
            code=row["code"],
            asset=row["asset"],
            wallet=row["wallet"],
            valid_from=_day(row["valid_from"]),
            valid_to=_day(row["valid_to"]),
            source=row["source"],
        )
        for row in csv.DictReader(io.StringIO(text))
    )


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def _title(module: Any, name: str) -> str:
    """Ask ccxt for an exchange's title. It stands in a description that needs no opened client: making one costs ten times as much."""
    exchange = getattr(module, name)
    try:
        description = exchange.describe(object.__new__(exchange))
    except AttributeError:  # a few compute parts of it from what only an opened client has
        opened = exchange()
        opened.session.close()
        description = opened.describe()
    return str(description.get("name") or name)


def _modules(exchange: str) -> tuple[ModuleType, ...]:
    """A room's `spec.py`, and its `probe.py` where it has one."""
    package = f"{exchanges.__name__}.{exchange}"
    files = resources.files(package)
    names = [name for name in ("spec", "probe") if files.joinpath(f"{name}.py").is_file()]
    return tuple(importlib.import_module(f"{package}.{name}") for name in names)


def _function(modules: Sequence[ModuleType], name: str, default: Any = ...) -> Any:
    for module in modules:
        if hasattr(module, name):
            return getattr(module, name)
    if default is ...:
        raise AttributeError(f"the room {modules[0].__package__} has no {name}")
    return default
