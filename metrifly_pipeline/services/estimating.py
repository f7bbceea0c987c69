"""How far first imports are: one source for every place that shows it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metrifly_pipeline.domain.estimating import Progress, StreamStatus, Terms, Work, progress_of, status_of, work_of
from metrifly_pipeline.domain.planning import discovered_streams
from metrifly_pipeline.domain.ports import Clock, ControlStore, ExchangeGateway, Lake
from metrifly_pipeline.domain.spec import ExchangeSpec
from metrifly_pipeline.domain.status import Connection
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """A first import under way."""

    whole: Progress
    streams: Mapping[str, tuple[StreamStatus, Progress]]


class Estimating:
    """Reads what is stored of a first import; asks no exchange."""

    def __init__(
        self, control: ControlStore, lake: Lake, gateway: ExchangeGateway, clock: Clock, local_scale: float = 1.0
    ) -> None:
        """The limits of a local exchange are `local_scale` times the real ones."""
        self._control = control
        self._lake = lake
        self._gateway = gateway
        self._clock = clock
        self._local_scale = local_scale

    def importing(self, connections: Sequence[Connection] | None = None) -> Counter[str]:
        """How many first imports are under way, by exchange: those of one share its limits of our address.

        `connections` saves reading them again, where they are those of all accounts.
        """
        everybodys = self._control.connections() if connections is None else connections
        return Counter(each.exchange for each in everybodys if is_importing(each))

    def progress(self, connection: Connection, importing: Counter[str] | None = None) -> ImportProgress | None:
        """How far the first import of a connection is; None where it is done, stopped, or of an exchange without a room."""
        if not is_importing(connection):
            return None
        try:
            spec = self._gateway.spec(connection.exchange)
        except (NotFoundError, RefusedError):
            return None
        sharers = (self.importing() if importing is None else importing)[connection.exchange]
        is_local = connection.base_url is not None
        scale = self._local_scale if is_local else 1.0
        works = self._works(connection, spec, Terms(sharers=max(sharers, 1), scale=scale, is_local=is_local))
        by_stream: dict[str, list[Work]] = {}
        for work in works:
            by_stream.setdefault(work.stream.value, []).append(work)
        return ImportProgress(
            whole=progress_of(works),
            streams={name: (status_of(found), progress_of(found)) for name, found in by_stream.items()},
        )

    def _works(self, connection: Connection, spec: ExchangeSpec, terms: Terms) -> list[Work]:
        denied = {state.stream for state in self._control.stream_states(connection.id) if not state.permitted}
        return work_of(
            spec,
            self._control.scope_progress(connection.id),
            frozenset(denied),
            symbols=len(self._lake.markets(spec.name)) if discovered_streams(spec) else 0,
            terms=terms,
            now=self._clock(),
        )


def is_importing(connection: Connection) -> bool:
    """Whether its first import is not done yet."""
    return connection.disconnected_at is None and not connection.first_import_done
