"""Sealing credentials, and where the master key comes from. The only product room that imports cryptography."""

from metrifly_pipeline.vault.envelope import EnvelopeVault
from metrifly_pipeline.vault.hardening import keep_out_of_core_dumps
from metrifly_pipeline.vault.keys import KeyProvider, LocalKey, MasterKey
from metrifly_pipeline.vault.providers import EnvironmentKeyProvider, FileKeyProvider

__all__ = [
    "EnvelopeVault",
    "EnvironmentKeyProvider",
    "FileKeyProvider",
    "KeyProvider",
    "LocalKey",
    "MasterKey",
    "keep_out_of_core_dumps",
]
