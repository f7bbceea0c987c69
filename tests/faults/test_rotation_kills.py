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


def opened(product):
    rows = [row for shelf in Shelf for row in product.control.sealed_rows(shelf, ROWS)]
    return {product.vault.open(row.account, row.sealed).secret for row in rows}


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
        assert sorted(product.rekeying.check().readable.values()) == sorted(
            each for each in (moved, ROWS - moved) if each
        )
        assert opened(product) == secrets

        done = product.rekeying.rotate(BATCH)

        assert (done.moved, done.rotation.old, done.rotation.new) == (ROWS - moved, keys.current, keys.pending)
        assert product.rekeying.check().readable == {keys.pending: ROWS}
        assert opened(product) == secrets
    assert [each.name for each in settings.master_key_file.parent.iterdir()] == ["master.key"]
    assert old_key != settings.master_key_file.read_bytes().strip()
