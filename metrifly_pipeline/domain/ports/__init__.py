"""How rooms that don't know each other are joined: the Protocols that services are written against, a module per room.

Importers name this package, never a module in it: which room a Protocol stands for is no concern of theirs.
"""

from metrifly_pipeline.domain.ports.budgets import BudgetStore
from metrifly_pipeline.domain.ports.control import ControlStore
from metrifly_pipeline.domain.ports.exchanges import Budget, CatalogEntry, ExchangeGateway, ExchangeSession
from metrifly_pipeline.domain.ports.lake import Lake
from metrifly_pipeline.domain.ports.master_keys import MasterKeys, SealedRowStore
from metrifly_pipeline.domain.ports.moves import Advance, CursorMove, Finding, RunEnd
from metrifly_pipeline.domain.ports.notifications import Courier, NotificationStore, Parcel
from metrifly_pipeline.domain.ports.spreadsheets import Spreadsheets
from metrifly_pipeline.domain.ports.surroundings import Clock, Journal, Reach, Sleep, journal_nothing, reach_nothing
from metrifly_pipeline.domain.ports.vault import Vault

__all__ = [
    "Advance",
    "Budget",
    "BudgetStore",
    "CatalogEntry",
    "Clock",
    "ControlStore",
    "Courier",
    "CursorMove",
    "ExchangeGateway",
    "ExchangeSession",
    "Finding",
    "Journal",
    "Lake",
    "MasterKeys",
    "NotificationStore",
    "Parcel",
    "Reach",
    "RunEnd",
    "SealedRowStore",
    "Sleep",
    "Spreadsheets",
    "Vault",
    "journal_nothing",
    "reach_nothing",
]
