"""A rotation of the master key that is killed leaves everything readable, and the next one finishes it."""

import signal
import subprocess
import sys

import pytest

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.domain.sealed_rows import Shelf
from metrifly_pipeline.settings import Settings
from tests.faults.rotator import BATCH
from tests.support.sealing import fill

ROWS = 30


@pytest.fixture
def settings(tmp_path):
    made = Settings(home=tmp_path / "home")
    with open_product(made) as product:
        fill(product, ROWS)
    return made


def rows_of(product):
    return [row for shelf in Shelf for row in product.control.sealed_rows(shelf, ROWS)]


def opened(product):
    return {product.vault.open(row.account, row.sealed).secret for row in rows_of(product)}


def on_disk(settings):
    return b"".join(file.read_bytes() for file in settings.home.glob("control.sqlite*"))


@pytest.mark.parametrize(
    ("label", "nth", "moved"),
    [("key.moved", 2, 2 * BATCH), ("key.retired", 1, ROWS)],
    ids=["between batches", "before the old key goes"],
)
def test_a_killed_rotation_leaves_all_readable_and_the_next_one_finishes(settings, label, nth, moved):
    secrets = {f"planted-{number}" for number in range(ROWS)}
    command = [sys.executable, "-m", "tests.faults.rotator", str(settings.home), label, str(nth)]
    old_key = settings.master_key_file.read_bytes().strip()

    ended = subprocess.run(command, capture_output=True, check=False)

    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert old_key not in ended.stdout + ended.stderr
    with open_product(settings) as product:
        keys = product.rekeying.in_use()
        waiting = [row.sealed.wrapped_key for row in rows_of(product) if row.sealed.key_id == keys.current]
        assert sorted(product.rekeying.check().readable.values()) == sorted(
            each for each in (moved, ROWS - moved) if each
        )
        assert opened(product) == secrets

        assert all(wrapped in on_disk(settings) for wrapped in waiting)

        done = product.rekeying.rotate(BATCH)

        assert not [wrapped for wrapped in waiting if wrapped in on_disk(settings)]

        assert (done.moved, done.rotation.old, done.rotation.new) == (ROWS - moved, keys.current, keys.pending)
        assert product.rekeying.check().readable == {keys.pending: ROWS}
        assert opened(product) == secrets
    assert [each.name for each in settings.master_key_file.parent.iterdir()] == ["master.key"]
    assert old_key != settings.master_key_file.read_bytes().strip()
