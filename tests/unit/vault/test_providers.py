"""Where the master key comes from, and when it is refused."""

import base64
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.trouble import MasterKeyError
from metrifly_pipeline.vault import EnvelopeVault, EnvironmentKeyProvider, FileKeyProvider
from metrifly_pipeline.vault.keys import LocalKey

KEY = bytes(range(32))
TEXT = base64.b64encode(KEY).decode()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "vault" / "master.key"


@pytest.fixture
def written(file):
    """A good key file."""
    file.parent.mkdir()
    file.write_text(TEXT + "\n")
    file.chmod(0o600)
    return file


def none_stored():
    return False


def some_stored():
    return True


def test_a_key_file_is_made_on_first_use_and_serves_ever_after(file):
    made = FileKeyProvider(file, none_stored).for_sealing()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(base64.b64decode(file.read_text())) == 32
    assert [each.name for each in file.parent.iterdir()] == ["master.key"]
    assert FileKeyProvider(file, some_stored).for_opening().key_id == made.key_id
    assert FileKeyProvider(file, none_stored).for_sealing().key_id == made.key_id


def test_a_key_file_is_made_with_0600_whatever_the_umask(file):
    before = os.umask(0o777)
    try:
        file.parent.mkdir(mode=0o700)
        file.parent.chmod(0o700)
        FileKeyProvider(file, none_stored).for_sealing()
    finally:
        os.umask(before)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_key_files_are_never_the_same(tmp_path):
    made = {FileKeyProvider(tmp_path / name, none_stored).for_sealing().key_id for name in ("one", "two")}

    assert len(made) == 2


def test_a_missing_key_is_never_replaced_while_a_credential_is_stored(file):
    with pytest.raises(MasterKeyError, match=r"is missing.*put it back"):
        FileKeyProvider(file, some_stored).for_sealing()
    assert not file.exists()


def test_opening_never_makes_a_key(file):
    with pytest.raises(MasterKeyError, match="is missing"):
        FileKeyProvider(file, none_stored).for_opening()
    assert not file.exists()


def test_several_first_users_at_once_get_the_same_key(file):
    barrier = threading.Barrier(4)

    def first_use(_number):
        provider = FileKeyProvider(file, lambda: barrier.wait() < 0)
        return provider.for_sealing().key_id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(first_use, range(4)))) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o601, 0o700, 0o400, 0o4600])
def test_a_key_file_that_is_not_0600_is_refused(written, mode):
    FileKeyProvider(written, some_stored).for_opening()
    written.chmod(mode)

    with pytest.raises(MasterKeyError, match=r"mode 0600.*chmod 600"):
        FileKeyProvider(written, some_stored).for_opening()


def test_a_key_file_of_another_user_is_refused(written, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: written.stat().st_uid + 1)

    with pytest.raises(MasterKeyError, match="another user"):
        FileKeyProvider(written, some_stored).for_opening()


def test_what_is_no_file_is_refused(file):
    file.mkdir(parents=True)

    with pytest.raises(MasterKeyError, match="can't be read"):
        FileKeyProvider(file, some_stored).for_opening()


def test_a_key_that_cannot_be_written_is_told(file):
    file.parent.write_text("a file where the folder should be")

    with pytest.raises(MasterKeyError, match="can't be"):
        FileKeyProvider(file, none_stored).for_sealing()


@pytest.mark.parametrize("text", ["", "   ", "planted", TEXT[:-4], TEXT + TEXT, "ü" * 32, TEXT.replace("A", "!")])
def test_a_file_that_holds_no_key_is_refused_without_showing_it(written, text):
    written.write_text(text)

    with pytest.raises(MasterKeyError, match="32 random bytes in base64") as caught:
        FileKeyProvider(written, some_stored).for_opening()

    assert "planted" not in str(caught.value)
    assert TEXT[:8] not in str(caught.value)


def test_a_file_that_was_replaced_counts_at_once(written):
    provider = FileKeyProvider(written, some_stored)
    vault = EnvelopeVault(provider)
    sealed = vault.seal("default", "kraken-00000001", 1, Credential("key", "secret"))
    written.write_text(base64.b64encode(b"x" * 32).decode())

    with pytest.raises(MasterKeyError, match="not the one that sealed"):
        vault.open("default", sealed)

    written.write_text(TEXT)
    assert vault.open("default", sealed).secret == "secret"


def test_the_environments_key_is_the_same_key(written):
    mine = EnvironmentKeyProvider(f" {TEXT}\n")

    assert mine.for_sealing().key_id == mine.for_opening().key_id == LocalKey(KEY).key_id
    assert FileKeyProvider(written, some_stored).for_opening().key_id == LocalKey(KEY).key_id
    assert TEXT not in repr(mine)


@pytest.mark.parametrize(("value", "told"), [("", "is empty"), ("  ", "is empty"), ("planted", "does not hold")])
def test_an_environment_without_a_key_is_told_by_its_variables_name(value, told):
    with pytest.raises(MasterKeyError, match=f"METRIFLY_MASTER_KEY {told}") as caught:
        EnvironmentKeyProvider(value).for_opening()
    assert "planted" not in str(caught.value)


HARDENED = """
import ctypes, resource
from metrifly_pipeline.vault import keep_out_of_core_dumps
before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
keep_out_of_core_dumps()
print(before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_a_hardened_process_leaves_no_core_dump():
    # In a process of its own: it can't be undone.
    ended = subprocess.run([sys.executable, "-c", HARDENED], capture_output=True, text=True, check=True)

    assert ended.stdout.split() == ["1", "0", "0", "0"]
