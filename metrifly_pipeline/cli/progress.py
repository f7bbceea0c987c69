"""A bar per connection while jobs run in this process, read from the control database; what the jobs log goes to a file."""

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from metrifly_pipeline.cli.render import WIDTH
from metrifly_pipeline.domain.ids import ConnectionId

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product

LOOK_SECONDS = 0.3


@contextlib.contextmanager
def progress_of(product: "Product", connections: Sequence[ConnectionId], log: Path) -> Iterator[None]:
    """Show how far each connection is while the block runs; what is printed in the block goes to `log`."""
    made = Console(file=sys.stdout)
    screen = made if made.is_terminal else Console(file=sys.stdout, width=WIDTH)
    columns = (TextColumn("{task.description}"), BarColumn(30), TaskProgressColumn(), TimeElapsedColumn())
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        Progress(*columns, console=screen, redirect_stdout=False, redirect_stderr=False) as bars,
        log.open("a", encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        tasks = {each: bars.add_task(each, total=None) for each in connections}
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(product, bars, tasks, done), name="progress", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _watch(product: "Product", bars: Progress, tasks: dict[ConnectionId, TaskID], done: threading.Event) -> None:
    while not done.wait(LOOK_SECONDS):
        _look(product, bars, tasks)
    for task in tasks.values():
        bars.update(task, completed=1, total=1)


def _look(product: "Product", bars: Progress, tasks: dict[ConnectionId, TaskID]) -> None:
    for connection in product.control.connections():
        task = tasks.get(connection.id)
        progress = None if task is None else product.estimating.progress(connection)
        if task is not None and progress is not None and progress.whole.percent is not None:
            bars.update(task, completed=progress.whole.percent, total=100)
