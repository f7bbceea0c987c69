"""While one master key is changed for another, both open; what is moved is as safely sealed as before."""

import base64
import dataclasses
import stat

import pytest

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.trouble import MasterKeyError
from metrifly_pipeline.vault import EnvelopeVault, EnvironmentKeyProvider, FileKeyProvider

OLD, NEW = (base64.b64encode(each * 32).decode() for each in (b"o", b"n"))
FIELDS = ("connection", "version", "key_id", "wrapped_key", "sealed", "fingerprint")


@pytest.fixture
def both():
    """The environment's keys while both are set."""
    return EnvironmentKeyProvider(OLD, new=NEW)


@pytest.fixture
def sealed():
    return seal(EnvironmentKeyProvider(OLD))


@pytest.fixture
def moved(both, sealed):
    return EnvelopeVault(both).rewrap("default", sealed, both.pending_id())


@pytest.fixture
def file(tmp_path):
    """The place of a key file that is there."""
    path = tmp_path / "vault" / "master.key"
    FileKeyProvider(path, lambda: False).for_sealing()
    return path


def files_of(path):
    return FileKeyProvider(path, lambda: True)


def seal(keys, connection="kraken-00000001"):
    return EnvelopeVault(keys).seal("default", connection, 1, Credential("planted-key", "planted-secret"))


def secret(keys, sealed):
    return EnvelopeVault(keys).open("default", sealed).secret


def test_what_was_moved_opens_under_the_new_key_alone(both, sealed, moved):
    assert secret(both, sealed) == secret(both, moved) == secret(EnvironmentKeyProvider(NEW), moved) == "planted-secret"
    assert (moved.sealed, moved.connection, moved.version) == (sealed.sealed, sealed.connection, sealed.version)
    for field in ("key_id", "wrapped_key", "fingerprint"):
        assert getattr(moved, field) != getattr(sealed, field)
    with pytest.raises(MasterKeyError, match="not the one that sealed"):
        secret(EnvironmentKeyProvider(OLD), moved)
    with pytest.raises(MasterKeyError, match="not the one that sealed"):
        secret(EnvironmentKeyProvider(NEW), sealed)


@pytest.mark.parametrize("field", FIELDS)
def test_a_flip_of_any_bit_of_what_was_moved_is_rejected_while_both_keys_are_there(both, moved, field):
    value = getattr(moved, field)
    raw = value if isinstance(value, bytes) else str(value).encode()
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        other = bytes(flipped) if isinstance(value, bytes) else flipped.decode("latin-1")
        with pytest.raises(MasterKeyError):
            secret(both, dataclasses.replace(moved, **{field: value ^ 1 << bit if isinstance(value, int) else other}))


def test_no_field_of_the_old_row_fits_the_moved_one_and_no_row_another(both, sealed, moved):
    for field in ("key_id", "wrapped_key", "fingerprint"):
        with pytest.raises(MasterKeyError):
            secret(both, dataclasses.replace(moved, **{field: getattr(sealed, field)}))
    theirs = EnvelopeVault(both).rewrap("default", seal(both, "kraken-00000002"), both.pending_id())
    with pytest.raises(MasterKeyError):
        secret(both, dataclasses.replace(theirs, connection=moved.connection))


def test_what_was_changed_is_not_moved(both, sealed):
    with pytest.raises(MasterKeyError, match="was changed"):
        EnvelopeVault(both).rewrap("default", dataclasses.replace(sealed, fingerprint="0" * 12), both.pending_id())
    with pytest.raises(MasterKeyError, match="is not there"):
        EnvelopeVault(both).rewrap("default", sealed, "0" * 16)


def test_a_new_key_lasts_before_anything_is_moved_and_takes_the_old_ones_place(file):
    before = file.read_bytes()
    waiting = files_of(file)
    old = seal(waiting)

    with files_of(file).rotating() as rotation:
        pending = file.with_name("master.key.next")
        made = pending.read_bytes()
        assert stat.S_IMODE(pending.stat().st_mode) == 0o600
        assert (waiting.current_id(), waiting.pending_id()) == (rotation.old, rotation.new)
        new = seal(waiting)
        assert new.key_id == rotation.new
        assert secret(waiting, old) == secret(waiting, new) == "planted-secret"
        file.with_name(".master.key.left").write_bytes(before)
        files_of(file).promote(rotation)

    assert [each.name for each in file.parent.iterdir()] == ["master.key"]
    assert file.read_bytes() == made != before
    assert (waiting.current_id(), waiting.pending_id()) == (rotation.new, None)
    assert secret(waiting, new) == "planted-secret"
    with pytest.raises(MasterKeyError, match="not the one that sealed"):
        secret(waiting, old)


def test_a_rotation_that_did_not_end_goes_on_with_its_own_key_and_never_two_at_once(file):
    again = files_of(file).rotating()
    with files_of(file).rotating() as first, pytest.raises(MasterKeyError, match="Another rotation"):
        again.__enter__()
    with files_of(file).rotating() as second:
        assert second == first


def test_a_pending_key_that_is_not_ours_alone_is_refused(file):
    with files_of(file).rotating():
        file.with_name("master.key.next").chmod(0o644)
    with pytest.raises(MasterKeyError, match="0600"):
        seal(files_of(file))


@pytest.mark.parametrize("new", [None, "", "  ", OLD])
def test_without_another_key_the_environment_has_nothing_to_move_to(new):
    keys = EnvironmentKeyProvider(OLD, new=new)

    assert keys.pending_id() is None
    with pytest.raises(MasterKeyError, match="METRIFLY_NEW_MASTER_KEY"), keys.rotating():
        pass


def test_a_new_key_that_is_none_is_told_by_its_name_alone():
    with pytest.raises(MasterKeyError, match="METRIFLY_NEW_MASTER_KEY does not hold") as caught:
        EnvironmentKeyProvider(OLD, new="planted").pending_id()
    assert "planted" not in str(caught.value)
