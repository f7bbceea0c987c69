"""What a person reads after an error of ours, and what whoever mends it finds in METRIFLY_HOME/logs."""

import traceback
from datetime import UTC, datetime
from pathlib import Path

from metrifly_pipeline.settings import Settings


def apologise(error: BaseException) -> str:
    """Write the traceback down; returns what to tell the person."""
    sorry = "Sorry: something went wrong that should not have. Nothing that was stored before is lost; try again."
    try:
        place = write_down(traced(error))
    except (OSError, ValueError):
        return f"{sorry} If it happens again, report it: {type(error).__name__}."
    return f"{sorry} If it happens again, report it with {place}."


def write_down(text: str) -> Path:
    """Keep what went wrong for whoever mends it, readable by the owner only; returns where. Raises OSError."""
    logs = Settings().home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)  # noqa: TID251 - the name of a file, never data
    place = logs / f"error-{now:%Y%m%d-%H%M%S-%f}.txt"
    place.touch(mode=0o600)
    place.write_text(text, encoding="utf-8")
    return place


def traced(error: BaseException) -> str:
    """Where it happened and which types of error, the causes first. No message: a library's may carry a key or a signed URL."""
    parts = []
    found: BaseException | None = error
    while found is not None:
        frames = "".join(traceback.format_tb(found.__traceback__))
        parts.append(f"{frames}{type(found).__module__}.{type(found).__qualname__}\n")
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\nand then\n".join(reversed(parts))
