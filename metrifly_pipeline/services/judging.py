"""From facts to findings: what a key, its history and a sync's trouble mean for the person. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from metrifly_pipeline.domain.addresses import missing_addresses
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.spec import ExchangeSpec
from metrifly_pipeline.domain.status import CoverageRow
from metrifly_pipeline.domain.streams import Span

EXPIRY_NOTICE = timedelta(days=14)


def refusals(facts: KeyFacts, spec: ExchangeSpec, allowed_ips: Sequence[str]) -> list[Finding]:
    """Why a key may not be used at all: it can do more than read, reads no trades, hides history, or is open to other IPs only."""
    found = []
    powers = [
        word
        for word, held in (
            ("trading", facts.can_trade),
            ("withdrawals", facts.can_withdraw),
            ("transfers", facts.can_transfer),
        )
        if held
    ]
    if powers:
        found.append(Finding(reason=Reason.KEY_TOO_POWERFUL, detail=f"switched on: {', '.join(powers)}"))
    if facts.can_read_trades is False:
        switches = {stream.permission for stream in spec.streams if stream.required and stream.permission}
        found.append(Finding(reason=Reason.PERMISSION_MISSING, detail=f"switch on: {', '.join(sorted(switches))}"))
    if hidden := hidden_history(facts):
        found.append(Finding(reason=Reason.KEY_HIDES_HISTORY, detail=hidden))
    missing = missing_addresses(facts.ip_allowlist, allowed_ips) if facts.ip_allowlist else []
    if missing:
        found.append(Finding(reason=Reason.IP_NOT_ALLOWED, detail=f"add: {', '.join(missing)}"))
    return found


def hidden_history(facts: KeyFacts) -> str:
    """What of the history a key itself hides, in words; empty where it hides nothing."""
    edges = (("before", facts.history_from), ("after", facts.history_to))
    return "; ".join(f"nothing {side} {edge:%Y-%m-%d %H:%M} UTC" for side, edge in edges if edge is not None)


def key_notices(facts: KeyFacts, spec: ExchangeSpec, now: datetime) -> list[Finding]:
    """What a usable key still limits: expiry, unreadable streams, powers the exchange doesn't tell."""
    found = [
        Finding(
            reason=Reason.STREAM_NOT_PERMITTED,
            stream=stream.stream.value,
            detail=f"{stream.stream.value}: switch on {stream.permission}",
        )
        for stream in spec.streams
        if stream.stream.value in facts.unreadable and not stream.required
    ]
    if facts.expires_at is not None and facts.expires_at - now <= EXPIRY_NOTICE:
        found.append(Finding(reason=Reason.KEY_EXPIRING, detail=f"on {facts.expires_at:%Y-%m-%d}"))
    if facts.elsewhere:
        found.append(Finding(reason=Reason.SURFACE_NOT_COVERED, detail="; ".join(facts.elsewhere)))
    if facts.can_trade is None or facts.can_withdraw is None:
        found.append(Finding(reason=Reason.PERMISSIONS_NOT_VERIFIABLE))
    return _one_a_reason(found)


def forgetful_streams(spec: ExchangeSpec) -> frozenset[str]:
    """Streams whose history an exchange shows for a while only."""
    return frozenset(stream.stream.value for stream in spec.streams if stream.retention is not None)


def history_findings(spec: ExchangeSpec, coverage: Sequence[CoverageRow]) -> list[Finding]:
    """Where an exchange forgets: from which day on the history is proven, and what was forgotten before it was asked for."""
    found = []
    limited = forgetful_streams(spec)
    starts = [row.span.start for row in coverage if row.stream in limited]
    if starts:
        shown = f"{spec.title} shows nothing before {min(starts):%Y-%m-%d}"
        found.append(Finding(reason=Reason.HISTORY_LIMITED, detail=shown, opens_at=min(starts)))
    gaps = _gaps(coverage)
    if gaps:
        found.append(Finding(reason=Reason.COVERAGE_GAP, detail="; ".join(gaps)))
    return found


def _gaps(coverage: Sequence[CoverageRow]) -> list[str]:
    """What lies between two proven spans of one stream and scope: nothing was asked for so long that the exchange forgot it."""
    by_place: dict[tuple[str, str], list[Span]] = {}
    for row in coverage:
        by_place.setdefault((row.stream, row.scope), []).append(row.span)
    return [
        f"{stream} ({scope}): nothing from {before.end:%Y-%m-%d %H:%M} to {after.start:%Y-%m-%d %H:%M} UTC"
        for (stream, scope), spans in sorted(by_place.items())
        for before, after in pairwise(sorted(spans))
    ]


def _one_a_reason(found: Sequence[Finding]) -> list[Finding]:
    """Keep the first finding of each reason and stream; later ones add their detail."""
    kept: dict[tuple[Reason, str], Finding] = {}
    for finding in found:
        place = (finding.reason, finding.stream)
        earlier = kept.get(place)
        detail = (
            finding.detail
            if earlier is None or earlier.detail == finding.detail
            else f"{earlier.detail}; {finding.detail}"
        )
        kept[place] = replace(finding, detail=detail)
    return list(kept.values())
