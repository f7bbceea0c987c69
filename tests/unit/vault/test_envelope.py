"""A sealed credential opens whole, in its own place, with its own key, or not at all."""

import dataclasses
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.trouble import MasterKeyError
from metrifly_pipeline.vault import EnvelopeVault, LocalKey
from metrifly_pipeline.vault.envelope import PADDED_TO

KEY, SECRET, PASSPHRASE = "planted-key", "planted-secret", "planted-passphrase"
PLANTED = Credential(KEY, SECRET, PASSPHRASE)
OVERHEAD = 12 + 16
"""Nonce and tag."""


class OneKey:
    """A provider that always has this key."""

    def __init__(self, key):
        self._key = LocalKey(key)

    def for_sealing(self):
        return self._key

    for_opening = for_sealing

    def named(self, key_id):
        return self._key if self._key.key_id == key_id else None


def a_vault(seed=1, key=b"k" * 32):
    return EnvelopeVault(OneKey(key), random.Random(seed).randbytes)


@pytest.fixture
def vault():
    return a_vault()


def seal(vault, account="default", connection="kraken-00000001", version=1, credential=PLANTED):
    return vault.seal(account, connection, version, credential)


def test_what_was_sealed_opens_as_it_was(vault):
    sealed = seal(vault)

    opened = vault.open("default", sealed)

    assert (opened.api_key, opened.secret, opened.passphrase) == (KEY, SECRET, PASSPHRASE)
    assert (sealed.connection, sealed.version) == ("kraken-00000001", 1)
    assert sealed.fingerprint == vault.fingerprint(PLANTED)


@given(fields=st.tuples(*[st.text(st.characters(codec="utf-8"), max_size=2_000)] * 3))
def test_any_text_comes_back_and_shows_only_how_many_blocks_it_fills(fields):
    vault = a_vault()
    credential = Credential(*fields)
    sealed = seal(vault, credential=credential)
    opened = vault.open("default", sealed)

    assert (opened.api_key, opened.secret, opened.passphrase) == (
        credential.api_key,
        credential.secret,
        credential.passphrase,
    )
    assert (len(sealed.sealed) - OVERHEAD) % PADDED_TO == 0


def test_short_credentials_are_all_of_one_length(vault):
    lengths = {len(seal(vault, credential=Credential("k" * size, "s" * size)).sealed) for size in range(100)}

    assert lengths == {PADDED_TO + OVERHEAD}


def _flipped(value):
    """Every value that differs in one bit."""
    if isinstance(value, bytes):
        for bit in range(len(value) * 8):
            changed = bytearray(value)
            changed[bit // 8] ^= 1 << bit % 8
            yield bytes(changed)
    elif isinstance(value, int):
        for bit in range(16):
            yield value ^ 1 << bit
    else:
        for each in _flipped(value.encode()):
            yield each.decode("latin-1")


@pytest.mark.parametrize("field", ["connection", "version", "key_id", "wrapped_key", "sealed", "fingerprint"])
def test_a_flip_of_any_bit_is_rejected(vault, field):
    sealed = seal(vault)
    vault.open("default", sealed)

    tried = 0
    for changed in _flipped(getattr(sealed, field)):
        with pytest.raises(MasterKeyError):
            vault.open("default", dataclasses.replace(sealed, **{field: changed}))
        tried += 1
    assert tried >= 16


@pytest.mark.parametrize(
    "other",
    [
        {"connection": "kraken-00000002"},
        {"version": 2},
        {"account": "ann", "connection": "kraken-00000002", "version": 2},
        {"account": "ann"},
    ],
)
def test_a_swap_of_any_field_between_rows_is_rejected(vault, other):
    mine, theirs = seal(vault), seal(vault, **other, credential=Credential("another", "one"))
    vault.open("default", mine)

    fields = [each.name for each in dataclasses.fields(mine)]
    swapped = [name for name in fields if getattr(mine, name) != getattr(theirs, name)]
    for name in swapped:
        with pytest.raises(MasterKeyError):
            vault.open("default", dataclasses.replace(mine, **{name: getattr(theirs, name)}))
    assert {"wrapped_key", "sealed", "fingerprint"} <= set(swapped)


def test_a_whole_row_moved_to_another_connection_version_or_account_is_rejected(vault):
    sealed = seal(vault)

    for moved in (
        dataclasses.replace(sealed, connection="kraken-00000002"),
        dataclasses.replace(sealed, version=2),
    ):
        with pytest.raises(MasterKeyError):
            vault.open("default", moved)
    with pytest.raises(MasterKeyError):
        vault.open("ann", sealed)


def test_both_halves_together_cannot_move_either(vault):
    mine, theirs = seal(vault), seal(vault, connection="kraken-00000002")
    halves = {"wrapped_key": theirs.wrapped_key, "sealed": theirs.sealed, "fingerprint": theirs.fingerprint}

    with pytest.raises(MasterKeyError):
        vault.open("default", dataclasses.replace(mine, **halves))


@pytest.mark.parametrize("field", ["wrapped_key", "sealed"])
@pytest.mark.parametrize("length", [0, 1, 11, 12, 27, 28])
def test_a_row_cut_short_is_rejected(vault, field, length):
    sealed = seal(vault)

    with pytest.raises(MasterKeyError):
        vault.open("default", dataclasses.replace(sealed, **{field: getattr(sealed, field)[:length]}))


def test_a_wrong_master_key_is_told_from_a_damaged_row(vault):
    sealed = seal(vault)

    with pytest.raises(MasterKeyError, match=r"not the one that sealed.*replace-key kraken-00000001"):
        a_vault(key=b"x" * 32).open("default", sealed)
    with pytest.raises(MasterKeyError, match="was changed"):
        vault.open("default", dataclasses.replace(sealed, sealed=b"damaged" * 9))


def test_nothing_is_ever_sealed_the_same_way_twice(vault):
    first, second = seal(vault), seal(vault)

    assert first.wrapped_key != second.wrapped_key
    assert first.sealed != second.sealed
    nonces = {each[:12] for row in (first, second) for each in (row.sealed, row.wrapped_key)}
    assert len(nonces) == 4


def test_a_fingerprint_tells_keys_apart_and_says_nothing_without_the_master_key(vault):
    mine = vault.fingerprint(PLANTED)

    assert len(mine) == 12
    assert int(mine, 16) >= 0
    assert vault.fingerprint(Credential(KEY, "another secret")) == mine
    assert vault.fingerprint(Credential("another key", SECRET)) != mine
    assert a_vault(key=b"x" * 32).fingerprint(PLANTED) != mine


def test_no_secret_shows_in_what_is_sealed_in_a_text_or_in_an_error(vault):
    sealed = seal(vault)
    with pytest.raises(MasterKeyError) as caught:
        vault.open("ann", sealed)

    shown = repr(sealed) + repr(vault) + repr(PLANTED) + repr(vault.open("default", sealed)) + repr(caught.value)
    assert not [planted for planted in (KEY, SECRET, PASSPHRASE) if planted in shown]
    assert caught.value.__cause__ is None
    for planted in (KEY, SECRET, PASSPHRASE):
        assert planted.encode() not in sealed.sealed + sealed.wrapped_key


def test_a_master_key_prints_as_nothing_and_is_never_pickled():
    key = LocalKey(b"0123456789abcdef0123456789abcdef")

    assert repr(key) == "<master key>"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(MasterKeyError, match="32 random bytes"):
        LocalKey(b"short")
