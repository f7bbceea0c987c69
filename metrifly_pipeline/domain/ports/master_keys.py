"""Changing the master key: the sealed rows in the control database, and the keys themselves, which are named by id and never seen."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from metrifly_pipeline.domain.sealed_rows import Rotation, SealedRow, Shelf
from metrifly_pipeline.domain.status import SealedCredential


class SealedRowStore(Protocol):
    """Whatever is sealed. Each method is one transaction; times are aware UTC."""

    def sealed_rows(
        self, shelf: Shelf, limit: int, *, after: tuple[str, int] = ("", 0), key_id: str | None = None
    ) -> Sequence[SealedRow]:
        """Sealed rows of one table after a place, in order; `key_id`: only those under that master key."""

    def rewrap(self, rows: Sequence[tuple[SealedRow, SealedCredential]]) -> int:
        """Put what was wrapped anew in place of each row that is still as it was read; returns how many were.

        MasterKeyError where the new master key was retired.
        """

    def retire_key(self, key_id: str, now: datetime) -> int:
        """Let nothing be sealed under this master key any more, unless rows are; returns how many are. Wipes traces of what was moved."""


class MasterKeys(Protocol):
    """The master keys that are there. Every call may raise MasterKeyError."""

    def current_id(self) -> str:
        """The fingerprint of the master key; not secret."""

    def pending_id(self) -> str | None:
        """That of the key which a rotation is moving to; None while there is no rotation."""

    def rotating(self) -> AbstractContextManager[Rotation]:
        """Have a new key in a place that lasts, or find that of a rotation that did not end. One rotation at a time."""

    def promote(self, rotation: Rotation) -> None:
        """The new key becomes the master key, and the old one is removed where that is ours to do."""
