"""Whether a pooled connection to PostgreSQL is still good, told without asking the server each time.

A sync takes some thirty short transactions, and the pool's own `pool_pre_ping` would ask before each of them. A server that stopped has closed
its sockets, which costs nothing to see; only a connection that lay idle for long may have been dropped on the way without a word.
"""

import select
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

IDLE_SECONDS = 30.0
_SINCE = "metrifly_idle_since"


def ping_when_in_doubt(engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
    """Try a connection of this engine's pool before use where it may be dead; a dead one is replaced. `clock` counts seconds."""

    def put_back(_raw: Any, record: Any) -> None:
        record.info[_SINCE] = clock()

    def taken(raw: Any, record: Any, _proxy: object) -> None:
        since = record.info.get(_SINCE)
        if since is not None and (clock() - since >= IDLE_SECONDS or _has_something_to_say(raw)):
            _ping(engine, raw)

    event.listen(engine, "checkin", put_back)
    event.listen(engine, "checkout", taken)


def _has_something_to_say(raw: Any) -> bool:
    """Whether the server sent something unasked: mostly, that it is gone."""
    if raw.closed:
        return True
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _ping(engine: Engine, raw: Any) -> None:
    try:
        engine.dialect.do_ping(raw)
    except engine.dialect.loaded_dbapi.Error:
        raise DisconnectionError from None
