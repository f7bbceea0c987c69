"""SNAPSHOT: the answer is a state (balances), not a history; it is a new record only when it differs from the last one."""

import hashlib
from collections.abc import Iterator
from typing import Any

from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import Page, RawRecord, Task
from metrifly_pipeline.exchanges import errors
from metrifly_pipeline.exchanges.paging.rows import Ask, canonical, dig, scope_params


def pull(spec: StreamSpec, task: Task, ask: Ask) -> Iterator[Page]:
    """Yield one page: the state as one record, or none where nothing that matters has changed."""
    state = dig(ask(scope_params(spec, task.scope)), spec.rows_path)
    if not isinstance(state, (dict, list) if spec.rows_path else list):  # without a path, the answer is the list itself
        raise errors.unexpected("the state is not where it should be")
    digest = hashlib.sha256(canonical(_relevant(state, spec.compare)).encode()).hexdigest()[:32]
    changed = (task.cursor or {}).get("hash") != digest
    record = RawRecord(payload=canonical(state), event_at=task.now)
    yield Page(
        stream=task.stream,
        scope=task.scope,
        records=(record,) if changed else (),
        cursor_after={"hash": digest},
        ended="snapshot",
        done=1,
        planned=1,
    )


def _relevant(state: Any, fields: tuple[str, ...]) -> Any:
    """The state without the fields that change by themselves (prices, update times)."""
    if not fields:
        return state
    if isinstance(state, list):
        rows = [_pick(row, fields) for row in state]
        return sorted(rows, key=canonical)
    return {name: _pick(row, fields) for name, row in state.items()}


def _pick(row: Any, fields: tuple[str, ...]) -> Any:
    return {name: row[name] for name in fields if name in row} if isinstance(row, dict) else row
