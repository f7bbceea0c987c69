"""Identifiers and how they are made: safe as file names, Dagster partition keys and command-line words."""

import random
import re
import string
from typing import NewType

AccountId = NewType("AccountId", str)
PortfolioId = NewType("PortfolioId", str)
ConnectionId = NewType("ConnectionId", str)
EntryId = NewType("EntryId", str)
ReceiverId = NewType("ReceiverId", str)
ImportId = NewType("ImportId", str)

_ALPHABET = string.ascii_lowercase + string.digits
_SUFFIX_LENGTH = 8
_CONNECTION = re.compile(r"[a-z][a-z0-9_]*-[a-z0-9]{8}")


def _suffix(rng: random.Random) -> str:
    return "".join(rng.choices(_ALPHABET, k=_SUFFIX_LENGTH))


def new_connection_id(exchange: str, rng: random.Random) -> ConnectionId:
    """Make `<exchange>-<8 lower-case letters or digits>`; the caller checks that it is free."""
    return ConnectionId(f"{exchange}-{_suffix(rng)}")


def new_portfolio_id(rng: random.Random) -> PortfolioId:
    """Make `pf-<8>`."""
    return PortfolioId(f"pf-{_suffix(rng)}")


def new_account_id(rng: random.Random) -> AccountId:
    """Make `ac-<8>`; the first account is called `default` instead."""
    return AccountId(f"ac-{_suffix(rng)}")


def new_entry_id(rng: random.Random) -> EntryId:
    """Make `en-<8>`; the caller checks that it is free."""
    return EntryId(f"en-{_suffix(rng)}")


def new_receiver_id(rng: random.Random) -> ReceiverId:
    """Make `nt-<8>`; the caller checks that it is free."""
    return ReceiverId(f"nt-{_suffix(rng)}")


def new_import_id(rng: random.Random) -> ImportId:
    """Make `im-<8>`; the caller checks that it is free."""
    return ImportId(f"im-{_suffix(rng)}")


def is_connection_id(text: str) -> bool:
    """Whether `text` has the form of a connection id (it may still be unknown)."""
    return _CONNECTION.fullmatch(text) is not None
