"""The master key, as the vault sees it: something that wraps data keys and signs, never bytes to hold on to."""

import hashlib
import hmac
from typing import NoReturn, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from metrifly_pipeline.domain.trouble import MasterKeyError

KEY_BYTES = 32
NONCE_BYTES = 12
_KEY_ID_DIGITS = 16


class MasterKey(Protocol):
    """A master key that is there. A key management service implements it without ever giving the key away."""

    @property
    def key_id(self) -> str:
        """Tells master keys apart without showing them: every wrapped key names the one that wrapped it."""

    def wrap(self, data_key: bytes, nonce: bytes, associated: bytes) -> bytes:
        """Encrypt a data key, bound to `associated`; `nonce` is 12 fresh random bytes."""

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes:
        """Decrypt a data key; MasterKeyError where anything was changed."""

    def sign(self, purpose: str, message: bytes) -> bytes:
        """HMAC-SHA256 of a message under a subkey that serves this purpose alone."""


class KeyProvider(Protocol):
    """Where master keys come from. While one is changed for another both are there, and are asked for by id.

    All calls raise MasterKeyError where a key can't be had.
    """

    def for_sealing(self) -> MasterKey:
        """The newest master key, made on first use where the provider may do that."""

    def named(self, key_id: str) -> MasterKey | None:
        """The master key of that id, be it current or pending; None where all that are there are others."""

    def for_opening(self) -> MasterKey:
        """The master key as it is: whoever opens has something sealed, so a missing key is never replaced by a new one."""


class LocalKey:
    """A master key in this process's memory. It prints as nothing and is never pickled."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Take exactly 32 bytes; MasterKeyError for any other number."""
        if len(key) != KEY_BYTES:
            raise MasterKeyError(f"The master key must be {KEY_BYTES} random bytes in base64")
        self._key = key

    @property
    def key_id(self) -> str:
        """Sixteen hex digits that follow from the key, so a wrong key is told from a damaged record."""
        return self.sign("key id", b"")[: _KEY_ID_DIGITS // 2].hex()

    def wrap(self, data_key: bytes, nonce: bytes, associated: bytes) -> bytes:
        """Encrypt a data key under a subkey; the nonce stands before it."""
        return nonce + AESGCM(self._subkey("wrap")).encrypt(nonce, data_key, associated)

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes:
        """Decrypt a data key."""
        return decrypt(self._subkey("wrap"), wrapped, associated)

    def sign(self, purpose: str, message: bytes) -> bytes:
        """HMAC-SHA256 under the purpose's subkey."""
        return hmac.digest(self._subkey(purpose), message, hashlib.sha256)

    def _subkey(self, purpose: str) -> bytes:
        return hmac.digest(self._key, f"metrifly/{purpose}".encode(), hashlib.sha256)

    def __repr__(self) -> str:
        """Tell nothing."""
        return "<master key>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("a master key is never pickled")


def same_id(mine: str, asked: str) -> bool:
    """Whether two key ids are one; an id from a damaged row may hold any text."""
    return hmac.compare_digest(mine.encode(), asked.encode())


def decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Open what stands behind a 12-byte nonce; MasterKeyError where key, text or associated data are not those that sealed it."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise MasterKeyError(
            "A stored credential was changed or belongs elsewhere; run `metrifly replace-key`"
        ) from None
