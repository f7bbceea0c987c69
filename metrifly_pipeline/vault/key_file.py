"""A file that holds a master key: read only where it is safely kept, made so that it lasts."""

import base64
import binascii
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metrifly_pipeline.domain.trouble import MasterKeyError
from metrifly_pipeline.vault.envelope import RandomBytes
from metrifly_pipeline.vault.keys import KEY_BYTES, LocalKey

_MODE = 0o600


class KeyFileMissingError(MasterKeyError):
    """There is no such file."""


def read_key_file(path: Path) -> LocalKey:
    """The key in a file; MasterKeyError says what is wrong with it."""
    try:
        with path.open("rb") as file:
            _require_private(path, os.fstat(file.fileno()))
            return decoded(file.read(), str(path))
    except FileNotFoundError:
        raise KeyFileMissingError(
            f"The master key file {path} is missing, and credentials sealed with it are stored; put it back"
        ) from None
    except OSError as error:
        raise MasterKeyError(f"The master key file {path} can't be read: {error.strerror}") from None


def make_key_file(path: Path, random_bytes: RandomBytes) -> None:
    """Write the file beside and link it into place: another process sees a whole key or none, and the first one wins."""
    beside = path.with_name(f".{path.name}.{random_bytes(8).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), _MODE)  # whatever the umask took away
                file.write(base64.b64encode(random_bytes(KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            _link_unless_there(beside, path)
        finally:
            beside.unlink()
        _sync_folder(path.parent)
    except OSError as error:
        raise MasterKeyError(f"The master key file {path} can't be made: {error.strerror}") from None


def take_place(new: Path, old: Path) -> None:
    """Let one key file take another's name, and remove what a killed process left beside either."""
    try:
        new.replace(old)
        for left in old.parent.glob(f".{old.name}.*"):
            left.unlink()
        _sync_folder(old.parent)
    except OSError as error:
        raise MasterKeyError(f"The master key file {old} can't be replaced by {new}: {error.strerror}") from None


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep others out who ask for the same; MasterKeyError while somebody else is in."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MasterKeyError("Another rotation of the master key is running; wait for it to end") from None
        yield
    finally:
        os.close(descriptor)


def decoded(text: bytes, source: str) -> LocalKey:
    """The key that a text holds; the message names the source alone."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(f"{source} does not hold a master key: {KEY_BYTES} random bytes in base64")
    return LocalKey(key)


def _require_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise MasterKeyError(f"The master key file {path} is not a file")
    if found.st_uid != os.geteuid():
        raise MasterKeyError(f"The master key file {path} belongs to another user; change its owner")
    if stat.S_IMODE(found.st_mode) != _MODE:
        raise MasterKeyError(f"The master key file {path} must have mode 0600; run `chmod 600 {path}`")


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
