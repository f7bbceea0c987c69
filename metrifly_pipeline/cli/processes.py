"""Processes that a command starts beside itself: each in a group of its own, watched, and ended by its id."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.settings import environment_with

GRACE_SECONDS = 20.0
"""How long a process may take to end by itself."""
LEFT_OVER_SECONDS = 5.0
"""And what it had started."""
LOOK_SECONDS = 0.2


class Stop:
    """Ctrl-C or SIGTERM as a fact to look at; handlers set here, so that children start with the default ones.

    A process started in the background inherits SIGINT as ignored, and Dagster then ignores SIGTERM too.
    """

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._asked = threading.Event()

    @contextlib.contextmanager
    def listening(self) -> Iterator[Self]:
        """Take both signals for the block."""
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()

    @property
    def asked(self) -> bool:
        """Whether somebody wants us to stop."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until somebody wants us to stop, at most `seconds`; whether they do."""
        return self._asked.wait(seconds)


@dataclass(slots=True)
class Child:
    """One running process; `log` holds what it prints."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path


class Children:
    """A set of child processes; leaving the block ends them all, the last started first."""

    def __init__(self, logs: Path) -> None:
        """`logs` is the folder for what they print."""
        self._logs = logs
        self._children: list[Child] = []

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Start `python -m ...` with this process's environment and `environment` in it."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, *arguments],
                env=environment_with(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def raise_if_ended(self) -> None:
        """Raise RefusedError when one ended by itself."""
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                raise RefusedError(f"The {child.name} ended by itself (status {status}). What it said: {child.log}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ending = list(reversed(self._children))
        for child in ending:
            if child.process.poll() is None:
                child.process.terminate()
        for child in ending:
            _end(child)


def _end(child: Child) -> None:
    """Wait for a child that was asked to end, then end what is left of its group."""
    group = child.process.pid
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.process.wait(GRACE_SECONDS)
    # Dagster's code servers and runs are in the group, and would outlive the one that started them.
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
            _wait_for_group(group)
        except ProcessLookupError:
            break
    child.process.wait()


def _wait_for_group(group: int) -> None:
    """Wait until the group is empty (then ProcessLookupError), at most a few seconds."""
    pause = threading.Event()
    for _ in range(int(LEFT_OVER_SECONDS / LOOK_SECONDS)):
        pause.wait(LOOK_SECONDS)
        os.killpg(group, 0)
