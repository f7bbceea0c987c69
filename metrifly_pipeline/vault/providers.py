"""Where the master key comes from: a file beside the data, or the environment by way of the settings."""

import base64
import binascii
import os
import stat
from collections.abc import Callable
from pathlib import Path

from metrifly_pipeline.domain.trouble import MasterKeyError
from metrifly_pipeline.vault.envelope import RandomBytes
from metrifly_pipeline.vault.keys import KEY_BYTES, LocalKey

_MODE = 0o600


class FileKeyProvider:
    """The master key in a file: 32 random bytes in base64, mode 0600 and ours, or it is refused.

    The file is read each time: a key that was put back or taken away counts at once, and no copy stays in memory.
    """

    def __init__(
        self, path: Path, credentials_exist: Callable[[], bool], random_bytes: RandomBytes = os.urandom
    ) -> None:
        """Tell where the file stands, and how to find out whether any credential is stored (then no new key is made)."""
        self._path = path
        self._credentials_exist = credentials_exist
        self._random = random_bytes

    def for_sealing(self) -> LocalKey:
        """The key in the file; a new file on first use."""
        if not self._path.exists() and not self._credentials_exist():
            self._make()
        return self.for_opening()

    def for_opening(self) -> LocalKey:
        """The key in the file; MasterKeyError says what is wrong with it."""
        return LocalKey(_decoded(self._read(), str(self._path)))

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                self._require_private(os.fstat(file.fileno()))
                return file.read()
        except FileNotFoundError:
            raise MasterKeyError(
                f"The master key file {self._path} is missing, and credentials sealed with it are stored; put it back"
            ) from None
        except OSError as error:
            raise MasterKeyError(f"The master key file {self._path} can't be read: {error.strerror}") from None

    def _require_private(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise MasterKeyError(f"The master key file {self._path} is not a file")
        if found.st_uid != os.geteuid():
            raise MasterKeyError(f"The master key file {self._path} belongs to another user; change its owner")
        if stat.S_IMODE(found.st_mode) != _MODE:
            raise MasterKeyError(f"The master key file {self._path} must have mode 0600; run `chmod 600 {self._path}`")

    def _make(self) -> None:
        """Write the file beside and link it into place: another process sees a whole key or none, and the first one wins."""
        beside = self._path.with_name(f".{self._path.name}.{self._random(8).hex()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    os.fchmod(file.fileno(), _MODE)  # whatever the umask took away
                    file.write(base64.b64encode(self._random(KEY_BYTES)) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                _link_unless_there(beside, self._path)
            finally:
                beside.unlink()
            _sync_folder(self._path.parent)
        except OSError as error:
            raise MasterKeyError(f"The master key file {self._path} can't be made: {error.strerror}") from None


class EnvironmentKeyProvider:
    """The master key as the settings read it from the environment, in base64; for development and CI."""

    __slots__ = ("_value", "_variable")

    def __init__(self, value: str, variable: str = "METRIFLY_MASTER_KEY") -> None:
        """Take the variable's value, and its name for messages."""
        self._value = value
        self._variable = variable

    def for_sealing(self) -> LocalKey:
        """The key; MasterKeyError where it is empty or no key."""
        return self.for_opening()

    def for_opening(self) -> LocalKey:
        """The key; MasterKeyError where it is empty or no key."""
        if not self._value.strip():
            raise MasterKeyError(f"The master key is missing: {self._variable} is empty")
        return LocalKey(_decoded(self._value.encode(), self._variable))

    def __repr__(self) -> str:
        """Tell nothing."""
        return "<master key from the environment>"


def _decoded(text: bytes, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(f"{source} does not hold a master key: {KEY_BYTES} random bytes in base64")
    return key


def _link_unless_there(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        return


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
