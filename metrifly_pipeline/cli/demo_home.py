"""Which home a demo may have: its own one of an earlier time, or a new one. Never one in use, never one with somebody's data."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from metrifly_pipeline.cli.local_exchange import HomeInUseError, LocalExchange, held, ports_free, sandbox_file
from metrifly_pipeline.cli.render import say
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.settings import Settings

DEFAULT = Path(".demo")
TRIALS = 50


@contextmanager
def demo_home(settings: Settings) -> Iterator[Path]:
    """The first home that may be had, locked for the block; says so where it isn't the first choice."""
    first = (settings.home if "home" in settings.model_fields_set else DEFAULT).absolute()
    with ExitStack() as stack:
        for number in range(1, TRIALS + 1):
            home = first if number == 1 else first.with_name(f"{first.name}-{number}")
            reason = _taken(home, stack)
            if reason == "":
                yield home
                return
            say(f"{home}: {reason}; trying another.")
    raise RefusedError(f"No home for a demo is left beside {first}. Delete those that are not used any more.")


def _taken(home: Path, stack: ExitStack) -> str:
    """Why this home can't be had; empty where it can, and is locked now."""
    if (home / "control.sqlite").exists() and not sandbox_file(home).exists():
        return "it holds data that are not a demo's"
    with ExitStack() as trial:
        try:
            with held(home, "sandbox"):
                pass
            trial.enter_context(held(home))
        except HomeInUseError:
            return "it is in use"
        known = LocalExchange.read(home)
        if known is not None and not ports_free(known.ports):
            return "a port of its local exchange is in use"
        stack.push(trial.pop_all())
    return ""
