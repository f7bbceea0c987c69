"""Where master keys come from: files beside the data, or the environment by way of the settings."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from metrifly_pipeline.domain.sealed_rows import Rotation
from metrifly_pipeline.domain.trouble import MasterKeyError
from metrifly_pipeline.vault.envelope import RandomBytes
from metrifly_pipeline.vault.key_file import (
    KeyFileMissingError,
    decoded,
    locked_folder,
    make_key_file,
    read_key_file,
    take_place,
)
from metrifly_pipeline.vault.keys import LocalKey, same_id

NEW_VARIABLE = "METRIFLY_NEW_MASTER_KEY"


class FileKeyProvider:
    """The master key in a file: 32 random bytes in base64, mode 0600 and ours, or it is refused.

    The file is read each time: a key that was put back or taken away counts at once, and no copy stays in memory. While a rotation is under
    way the new key stands beside it in `master.key.next`: what is sealed from then on is sealed under that one.
    """

    def __init__(
        self, path: Path, credentials_exist: Callable[[], bool], random_bytes: RandomBytes = os.urandom
    ) -> None:
        """Tell where the file stands, and how to find out whether any credential is stored (then no new key is made)."""
        self._path = path
        self._next = path.with_name(f"{path.name}.next")
        self._credentials_exist = credentials_exist
        self._random = random_bytes

    def for_sealing(self) -> LocalKey:
        """The pending key, else the key in the file; a new file on first use."""
        pending = self._pending()
        if pending is not None:
            return pending
        if not self._path.exists() and not self._credentials_exist():
            make_key_file(self._path, self._random)
        return self.for_opening()

    def for_opening(self) -> LocalKey:
        """The key in the file; MasterKeyError says what is wrong with it."""
        return read_key_file(self._path)

    def named(self, key_id: str) -> LocalKey | None:
        """The current or the pending key. The current one is looked at again last: it may just have been the pending one."""
        for find in (self._current, self._pending, self._current):
            found = find()
            if found is not None and same_id(found.key_id, key_id):
                return found
        self.for_opening()  # where there is no current key at all, this says so
        return None

    def current_id(self) -> str:
        """The fingerprint of the key in the file."""
        if not self._path.exists() and not self._credentials_exist():
            raise MasterKeyError(
                "There is no master key yet; connecting the first exchange makes it (`metrifly connect`)"
            )
        return self.for_opening().key_id

    def pending_id(self) -> str | None:
        """That of the key which a rotation is moving to."""
        pending = self._pending()
        return None if pending is None else pending.key_id

    @contextmanager
    def rotating(self) -> Iterator[Rotation]:
        """Have the new key on disk before anything is sealed under it; a rotation that did not end goes on with its own."""
        old = self.current_id()
        with locked_folder(self._path.parent):
            if self.current_id() != old:
                raise MasterKeyError("Another rotation has just ended; look with `metrifly master-key fingerprint`")
            if not self._next.exists():
                make_key_file(self._next, self._random)
            yield Rotation(old=old, new=read_key_file(self._next).key_id)

    def promote(self, rotation: Rotation) -> None:
        """Let the new key take the file of the old one, which is gone with that, and with what a killed process left of it."""
        if self.pending_id() != rotation.new:
            raise MasterKeyError(
                f"The new master key {self._next} was changed during the rotation; nothing was removed"
            )
        take_place(self._next, self._path)

    def _current(self) -> LocalKey | None:
        return read_key_file(self._path) if self._path.exists() else None

    def _pending(self) -> LocalKey | None:
        try:
            return read_key_file(self._next)
        except KeyFileMissingError:
            return None


class EnvironmentKeyProvider:
    """The master key as the settings read it from the environment, in base64; a rotation's new one comes the same way."""

    __slots__ = ("_new", "_value", "_variable")

    def __init__(self, value: str, variable: str = "METRIFLY_MASTER_KEY", new: str | None = None) -> None:
        """Take the variable's value, its name for messages, and the value of METRIFLY_NEW_MASTER_KEY."""
        self._value = value
        self._variable = variable
        self._new = new

    def for_sealing(self) -> LocalKey:
        """The pending key, else the key; MasterKeyError where it is empty or no key."""
        return self._pending() or self.for_opening()

    def for_opening(self) -> LocalKey:
        """The key; MasterKeyError where it is empty or no key."""
        if not self._value.strip():
            raise MasterKeyError(f"The master key is missing: {self._variable} is empty")
        return decoded(self._value.encode(), self._variable)

    def named(self, key_id: str) -> LocalKey | None:
        """The current or the pending key."""
        keys = (self.for_opening(), self._pending())
        return next((each for each in keys if each is not None and same_id(each.key_id, key_id)), None)

    def current_id(self) -> str:
        """The fingerprint of the key."""
        return self.for_opening().key_id

    def pending_id(self) -> str | None:
        """That of the key in METRIFLY_NEW_MASTER_KEY, if it is another one."""
        pending = self._pending()
        return None if pending is None else pending.key_id

    @contextmanager
    def rotating(self) -> Iterator[Rotation]:
        """Both keys are in the environment; MasterKeyError where the new one isn't."""
        old, new = self.current_id(), self.pending_id()
        if new is None:
            raise MasterKeyError(
                f"There is no other master key to move to. The key comes from {self._variable}, so the new one must come from "
                f"{NEW_VARIABLE}: 32 random bytes in base64, such as `openssl rand -base64 32` makes. Set it for all "
                "processes of this installation, then say `metrifly master-key rotate` again"
            )
        yield Rotation(old=old, new=new)

    def promote(self, rotation: Rotation) -> None:
        """Nothing: the environment is its owner's to change."""

    def _pending(self) -> LocalKey | None:
        if self._new is None or not self._new.strip():
            return None
        pending = decoded(self._new.encode(), NEW_VARIABLE)
        return None if pending.key_id == self.for_opening().key_id else pending

    def __repr__(self) -> str:
        """Tell nothing."""
        return "<master key from the environment>"
