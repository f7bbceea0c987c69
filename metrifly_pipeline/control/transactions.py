"""What every family of the store's methods stands on: one method, one transaction."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from metrifly_pipeline.control.engine import ALONE, WRITING, translated
from metrifly_pipeline.domain.ports import Sleep

_PAUSES = (0.1, 0.4, 1.0, 2.5, 5.0, 10.0, 10.0)
"""Seconds between attempts to connect: together the half minute that a restarting server takes."""


class Transactions:
    """Opens reading and writing transactions.

    Only connecting is tried again, because nothing has been asked yet; what failed later may have taken effect, and its caller decides.
    """

    def __init__(self, engine: Engine, rng: random.Random, sleep: Sleep) -> None:
        self._engine = engine
        # There each statement sees what was committed before it, in a transaction or not; on SQLite a transaction sees one state.
        each_alone = engine.dialect.name == "postgresql"
        self._reader = engine.execution_options(**{ALONE: True}) if each_alone else engine
        self._writer = engine.execution_options(**{WRITING: True})
        self._single = self._reader if each_alone else self._writer
        self._rng = rng
        self._sleep = sleep

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(), self._connect(self._reader) as db, db.begin():
            yield db

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(), self._connect(self._writer) as db, db.begin():
            yield db

    @contextmanager
    def _at_once(self) -> Iterator[Connection]:
        """For one statement that writes: a transaction by itself, without being asked for."""
        with translated(), self._connect(self._single) as db, db.begin():
            yield db

    def _connect(self, engine: Engine) -> Connection:
        for pause in _PAUSES:
            try:
                return engine.connect()
            except OperationalError:
                self._sleep(pause)
        return engine.connect()

    def close(self) -> None:
        """Let go of all connections to the database."""
        self._engine.dispose()
