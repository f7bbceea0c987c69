"""What may be acknowledged: notices, which say that data are limited. What needs somebody to act stands until it is mended. Pure."""

from collections.abc import Sequence
from datetime import datetime

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.reasons import MEANING, Level, Reason
from metrifly_pipeline.domain.trouble import RefusedError

LONGEST_NOTE = 500


def note_of(text: str) -> str:
    """The note as it is stored, in one line; RefusedError where it says nothing or too much."""
    note = " ".join(text.split())
    if not note:
        raise RefusedError("A note is needed: say why the notice may stand, for whoever reads it next year.")
    if len(note) > LONGEST_NOTE:
        raise RefusedError(f"The note has {len(note)} characters; at most {LONGEST_NOTE} are kept.")
    return note


def acknowledgeable(
    connection: ConnectionId, reason: str, standing: Sequence[Attention], now: datetime
) -> tuple[Attention, ...]:
    """What stands on a connection for a reason, if all of it is a notice.

    Args:
        connection: For what is said.
        reason: As it was typed, such as `history_limited`; words may be joined by `-` or `_`.
        standing: What stands on the connection, the derived `stale` too.
        now: Aware UTC; a transient reason and a mismatch change their level with time.

    Raises:
        RefusedError: There is no such reason, it does not stand here, or it is no notice.
    """
    wanted = reason.strip().lower().replace("-", "_")
    found = tuple(item for item in standing if item.reason.value == wanted)
    if not found:
        raise RefusedError(_not_there(connection, reason, wanted, standing, now))
    if found[0].reason is Reason.STALE:
        raise RefusedError(
            f"{wanted} can't be acknowledged: it goes with the next good sync and would come back without one. {found[0].remedy}"
        )
    if any(item.level(now) is Level.ACTION for item in found):
        raise RefusedError(
            f"{wanted} can't be acknowledged: the syncs of {connection} don't go on as they should until it is mended. "
            f"{found[0].remedy}"
        )
    if any(item.level(now) is Level.INFO for item in found):
        raise RefusedError(f"{wanted} needs no acknowledgement: {_why_info(found[0].reason)}.")
    return found


def _why_info(reason: Reason) -> str:
    meaning = MEANING[reason]
    if meaning.level is Level.INFO:
        return "it asks nobody for anything"
    return "it passes by itself" if meaning.transient else "it has not lasted long enough to be a notice"


def _not_there(connection: ConnectionId, reason: str, wanted: str, standing: Sequence[Attention], now: datetime) -> str:
    notices = sorted({item.reason.value for item in standing if item.level(now) is Level.NOTICE} - {Reason.STALE.value})
    there = f"Notices there: {', '.join(notices)}." if notices else "There is no notice on it."
    if wanted not in set(Reason):
        return f"There is no reason called {reason}. {there}"
    return f"{wanted} does not stand on {connection}, so there is nothing to acknowledge. {there}"
