"""Sealed credentials: a data key for each version, wrapped by the master key, both bound to where they belong."""

import dataclasses
import hmac
import json
import os
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.status import SealedCredential
from metrifly_pipeline.domain.trouble import MasterKeyError
from metrifly_pipeline.vault.keys import KEY_BYTES, NONCE_BYTES, KeyProvider, MasterKey, decrypt

PADDED_TO = 256
"""Payloads are padded to a multiple of this, so that their length tells nothing."""
_APP = "metrifly"
_SCHEMA = 1
_LENGTH_BYTES = 4
_FINGERPRINT_DIGITS = 12

RandomBytes = Callable[[int], bytes]


class EnvelopeVault:
    """`domain.ports.Vault` with AES-256-GCM.

    The associated data of the wrapped key is canonical JSON of [app, schema, purpose, key id, account, connection, version]; the payload's
    leaves out the key id, so that a change of the master key only wraps anew (and makes the fingerprint anew, which is keyed by it, too).
    """

    def __init__(self, keys: KeyProvider, random_bytes: RandomBytes = os.urandom) -> None:
        self._keys = keys
        self._random = random_bytes

    def seal(
        self, account: AccountId, connection: ConnectionId, version: int, credential: Credential
    ) -> SealedCredential:
        """Seal for exactly this account, connection and version."""
        master = self._keys.for_sealing()
        place = (account, connection, version)
        data_key = self._random(KEY_BYTES)
        nonce = self._random(NONCE_BYTES)
        sealed = nonce + AESGCM(data_key).encrypt(nonce, _pad(credential), _associated("credential", *place))
        associated = _associated("data key", master.key_id, *place)
        return SealedCredential(
            connection=connection,
            version=version,
            key_id=master.key_id,
            wrapped_key=master.wrap(data_key, self._random(NONCE_BYTES), associated),
            sealed=sealed,
            fingerprint=_fingerprint(master, credential),
        )

    def open(self, account: AccountId, sealed: SealedCredential) -> Credential:
        """Open; MasterKeyError for another or missing master key, or where anything was changed or swapped."""
        return self._opened(account, sealed)[1]

    def rewrap(self, account: AccountId, sealed: SealedCredential, key_id: str) -> SealedCredential:
        """Open, and wrap the data key for the master key of that id; the payload stays as it is, its fingerprint is made anew."""
        data_key, credential = self._opened(account, sealed)
        master = self._keys.named(key_id)
        if master is None:
            raise MasterKeyError(f"The master key {key_id} is not there")
        associated = _associated("data key", master.key_id, account, sealed.connection, sealed.version)
        return dataclasses.replace(
            sealed,
            key_id=master.key_id,
            wrapped_key=master.wrap(data_key, self._random(NONCE_BYTES), associated),
            fingerprint=_fingerprint(master, credential),
        )

    def _opened(self, account: AccountId, sealed: SealedCredential) -> tuple[bytes, Credential]:
        master = self._keys.named(sealed.key_id)
        if master is None:
            raise MasterKeyError(
                "The master key is not the one that sealed this credential; put the right one back, "
                f"or run `metrifly replace-key {sealed.connection}`"
            )
        place = (account, sealed.connection, sealed.version)
        data_key = master.unwrap(sealed.wrapped_key, _associated("data key", master.key_id, *place))
        credential = _unpad(decrypt(data_key, sealed.sealed, _associated("credential", *place)))
        if not hmac.compare_digest(_fingerprint(master, credential).encode(), sealed.fingerprint.encode()):
            raise MasterKeyError("A stored credential was changed or belongs elsewhere; run `metrifly replace-key`")
        return data_key, credential

    def fingerprint(self, credential: Credential) -> str:
        """Twelve hex digits that tell two keys apart."""
        return _fingerprint(self._keys.for_sealing(), credential)


def _associated(purpose: str, *belongs_to: str | int) -> bytes:
    return json.dumps([_APP, _SCHEMA, purpose, *belongs_to], separators=(",", ":")).encode()


def _fingerprint(master: MasterKey, credential: Credential) -> str:
    return master.sign("fingerprint", credential.api_key.encode()).hex()[:_FINGERPRINT_DIGITS]


def _pad(credential: Credential) -> bytes:
    text = json.dumps([credential.api_key, credential.secret, credential.passphrase]).encode()
    framed = len(text).to_bytes(_LENGTH_BYTES, "big") + text
    return framed + bytes(-len(framed) % PADDED_TO)


def _unpad(padded: bytes) -> Credential:
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    api_key, secret, passphrase = json.loads(padded[_LENGTH_BYTES : _LENGTH_BYTES + length])
    return Credential(api_key, secret, passphrase)
