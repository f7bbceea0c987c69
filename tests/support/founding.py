"""Homes as their first opening leaves them: making the control database's tables takes a tenth of a second, and hundreds of tests begin so."""

import atexit
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path

from metrifly_pipeline.control import open_store


@cache
def _empty_control() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="metrifly-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "control.sqlite"
    open_store(f"sqlite:///{file}", random.Random(0)).close()
    return file


def found(home: Path) -> Path:
    """Let a home have an empty control database, unless it has one; returns the home."""
    home.mkdir(parents=True, exist_ok=True)
    place = home / "control.sqlite"
    if not place.exists():
        shutil.copy(_empty_control(), place)  # its mode, too: nobody else may read it
    return home
