"""The vault: sealing and opening credentials."""

from typing import Protocol

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.status import SealedCredential


class Vault(Protocol):
    """Seals and opens credentials. Every call may raise MasterKeyError."""

    def seal(
        self, account: AccountId, connection: ConnectionId, version: int, credential: Credential
    ) -> SealedCredential:
        """Seal for exactly this account, connection and version."""

    def open(self, account: AccountId, sealed: SealedCredential) -> Credential:
        """Open; MasterKeyError for another or missing master key, or where anything was changed or swapped."""

    def rewrap(self, account: AccountId, sealed: SealedCredential, key_id: str) -> SealedCredential:
        """Open, and wrap for the master key of that id; what is sealed inside stays as it is."""

    def fingerprint(self, credential: Credential) -> str:
        """Twelve hex digits that tell two keys apart."""
