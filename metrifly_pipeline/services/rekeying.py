"""Rekeying: move all that is sealed to a new master key, and tell what can be opened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metrifly_pipeline.domain.ports import Clock, ControlStore, MasterKeys, Reach, Vault, reach_nothing
from metrifly_pipeline.domain.sealed_rows import Rotation, SealedRow, Shelf
from metrifly_pipeline.domain.trouble import MasterKeyError, RefusedError

BATCH = 500
"""Rows of one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation did."""

    rotation: Rotation
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What can be opened: how many rows under each master key, and those that can't, with why not."""

    readable: dict[str, int]
    unreadable: Sequence[tuple[SealedRow, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """The master keys' fingerprints."""

    current: str
    pending: str | None


class Rekeying:
    """The verbs around the master key."""

    def __init__(
        self, control: ControlStore, vault: Vault, keys: MasterKeys, clock: Clock, reach: Reach = reach_nothing
    ) -> None:
        """`reach` is called after the new key is there, after each batch, and before and after the old key goes."""
        self._control = control
        self._vault = vault
        self._keys = keys
        self._clock = clock
        self._reach = reach

    def rotate(self, batch: int = BATCH) -> Rotated:
        """Move every sealed row to the new master key, and retire the old one. Again after an interruption: goes on where it stopped.

        Raises:
            MasterKeyError: A key can't be had, or another rotation is running.
            RefusedError: Rows under the old key can't be opened; both keys stay until they are replaced.
        """
        with self._keys.rotating() as rotation:
            self._reach("key.ready")
            moved = self._move_all(rotation, batch)
            self._reach("key.retired")
            self._keys.promote(rotation)
            self._reach("key.promoted")
        return Rotated(rotation=rotation, moved=moved)

    def _move_all(self, rotation: Rotation, batch: int) -> int:
        total = 0
        while True:
            moved, stuck = self._move(rotation, batch)
            total += moved
            if not self._control.retire_key(rotation.old, self._clock()):
                return total
            if stuck or not moved:  # what was sealed meanwhile under the old key is moved in the next round
                raise RefusedError(_told(stuck))

    def _move(self, rotation: Rotation, batch: int) -> tuple[int, list[SealedRow]]:
        moved, stuck = 0, []
        for rows in self._batches(batch, rotation.old):
            made = []
            for row in rows:
                try:
                    made.append((row, self._vault.rewrap(row.account, row.sealed, rotation.new)))
                except MasterKeyError:
                    stuck.append(row)
            moved += self._control.rewrap(made)
            self._reach("key.moved")
        return moved, stuck

    def check(self) -> Checked:
        """Open everything that is sealed."""
        readable: dict[str, int] = {}
        unreadable = []
        for rows in self._batches(BATCH):
            for row in rows:
                try:
                    self._vault.open(row.account, row.sealed)
                except MasterKeyError as trouble:
                    unreadable.append((row, str(trouble)))
                else:
                    readable[row.sealed.key_id] = readable.get(row.sealed.key_id, 0) + 1
        return Checked(readable=readable, unreadable=unreadable)

    def in_use(self) -> InUse:
        """The fingerprints of the master key, and of the one that a rotation is moving to."""
        return InUse(current=self._keys.current_id(), pending=self._keys.pending_id())

    def _batches(self, size: int, key_id: str | None = None) -> Iterator[Sequence[SealedRow]]:
        for shelf in Shelf:
            rows = self._control.sealed_rows(shelf, size, key_id=key_id)
            while rows:
                yield rows
                rows = self._control.sealed_rows(shelf, size, after=rows[-1].place, key_id=key_id)


def _told(stuck: Sequence[SealedRow]) -> str:
    if not stuck:
        return (
            "Credentials are still being sealed under the old master key by another process; both keys stay in use. Start "
            "every process of this installation again, then say `metrifly master-key rotate` once more"
        )
    cures = ", ".join(f"{row.sealed.connection} (`{row.cure}`)" for row in stuck)
    return (
        f"Everything else was moved, but these can't be opened: {cures}. Both master keys stay in use until they are "
        "replaced; then say `metrifly master-key rotate` once more"
    )
