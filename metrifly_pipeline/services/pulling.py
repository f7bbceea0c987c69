"""One connection's turn, in order: the key, the markets, every stream from where it stopped, then what must be discovered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from metrifly_pipeline.domain.planning import discovered_streams
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.services.discovering import Discovery
from metrifly_pipeline.services.turn import OutOfTimeError, Turn


@dataclass(slots=True)
class PullOutcome:
    """How a turn at the exchange ended."""

    findings: list[Finding] = field(default_factory=list)
    finished: bool = True
    """False: the slice's time is up; the rest follows in a continuation."""
    swept: bool = False
    """Everything was asked that the weekly sweep asks; it counts once all of it has landed."""
    requests: Mapping[str, int] = field(default_factory=dict)
    trouble: ExchangeTroubleError | None = None


def pull(turn: Turn) -> PullOutcome:
    """Pull until everything is up to date, the slice's time is up or trouble stops it; what came before is kept."""
    outcome = PullOutcome()
    try:
        turn.check_key()
        turn.land_markets()
        _pull_streams(turn)
        outcome.swept = turn.deep
    except OutOfTimeError:
        outcome.finished = False
    except ExchangeTroubleError as unexplained:
        trouble = turn.explained(unexplained)
        outcome.trouble = trouble
        outcome.findings.append(Finding(reason=trouble.reason, detail=trouble.detail))
    outcome.requests = dict(turn.session.requests)
    return outcome


def _pull_streams(turn: Turn) -> None:
    discoveries = [Discovery(turn, stream) for stream in discovered_streams(turn.spec)]
    if not turn.connection.first_import_done:
        for discovery in discoveries:
            discovery.glimpse()
    steps = turn.fixed_steps()
    if not turn.connection.first_import_done:
        turn.count_ahead(steps)
    for step in steps:
        turn.pull_step(step)
    for discovery in discoveries:
        discovery.pull()
