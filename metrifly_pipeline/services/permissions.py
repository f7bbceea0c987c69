"""What a key may do, line by line, as a test of it shows."""

from collections.abc import Sequence

from metrifly_pipeline.domain.addresses import missing_addresses
from metrifly_pipeline.domain.ports import ExchangeSession, Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.spec import ExchangeSpec, StreamSpec
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.services.judging import hidden_history
from metrifly_pipeline.services.reports import PermissionLine


def permission_lines(
    spec: ExchangeSpec, facts: KeyFacts, session: ExchangeSession, allowed_ips: Sequence[str]
) -> list[PermissionLine]:
    """One line a permission; whether trades can be read is tried where the exchange does not tell."""
    trades = facts.can_read_trades
    if trades is None:
        trades = not unreadable_trades(spec, session)
    lines = [
        _reading("balances", facts.can_read_balances, _switches(spec, Stream.BALANCES), required=False),
        _reading("trades", trades, _switches(spec, Stream.FILLS), required=True),
        *_unreadable(spec, facts),
        *_hidden(facts),
        _power("trading off", facts.can_trade),
        _power("withdrawals off", facts.can_withdraw),
    ]
    if facts.can_transfer is not None:  # where it has a switch of its own
        lines.append(_power("transfers off", facts.can_transfer))
    lines.append(_ip_line(facts, allowed_ips))
    return lines


def unreadable_trades(spec: ExchangeSpec, session: ExchangeSession) -> list[Finding]:
    """Try to read trades: a finding where the key may not, none where it may."""
    required: Sequence[StreamSpec] = [stream for stream in spec.streams if stream.required]
    for stream in required:
        if not session.can_read(stream):
            return [Finding(reason=Reason.PERMISSION_MISSING, detail=f"switch on: {stream.permission}")]
    return []


def _unreadable(spec: ExchangeSpec, facts: KeyFacts) -> list[PermissionLine]:
    """What else the key may not read; nothing where it may read all."""
    return [
        PermissionLine(
            name=stream.stream.value,
            ok=False,
            text=f"switch on {stream.permission}; a connection works without it, its history stays incomplete",
        )
        for stream in spec.streams
        if stream.stream.value in facts.unreadable and not stream.required and stream.stream is not Stream.BALANCES
    ]


def _hidden(facts: KeyFacts) -> list[PermissionLine]:
    """That the key hides a part of the history; nothing where it shows all, or where keys can't be limited so."""
    hidden = hidden_history(facts)
    text = f"the key shows {hidden}: take its start and end date of queries away; a connection is refused with them"
    return [PermissionLine(name="whole history", ok=False, text=text)] if hidden else []


def _ip_line(facts: KeyFacts, ours: Sequence[str]) -> PermissionLine:
    if facts.ip_allowlist is None:
        return PermissionLine(name="IP", ok=None, text="the exchange does not tell which addresses the key allows")
    if not facts.ip_allowlist:
        hint = f"; you may restrict it to {', '.join(ours)}" if ours else ""
        return PermissionLine(name="IP", ok=True, text=f"the key allows every address{hint}")
    missing = missing_addresses(facts.ip_allowlist, ours)
    if missing:
        return PermissionLine(name="IP", ok=False, text=f"add {', '.join(missing)} to the key's allowed addresses")
    return PermissionLine(name="IP", ok=True, text="this address is allowed")


def _switches(spec: ExchangeSpec, stream: Stream) -> str:
    return ", ".join(sorted({item.permission for item in spec.stream(stream) if item.permission}))


def _reading(name: str, held: bool | None, switch: str, *, required: bool) -> PermissionLine:  # noqa: FBT001 - a fact
    if held is None:
        return PermissionLine(name=name, ok=None, text="the exchange does not tell; it is tried with the first sync")
    if held:
        return PermissionLine(name=name, ok=True, text="readable")
    effect = (
        "a connection is refused without it"
        if required
        else "a connection works without it, balances can't be compared"
    )
    return PermissionLine(name=name, ok=False, text=f"switch on {switch}; {effect}")


def _power(name: str, held: bool | None) -> PermissionLine:  # noqa: FBT001 - a fact
    if held is None:
        return PermissionLine(name=name, ok=None, text="could not be verified: check it at the exchange")
    if held:
        return PermissionLine(
            name=name, ok=False, text="switch it off: Metrifly only takes keys that can read and nothing else"
        )
    return PermissionLine(name=name, ok=True, text="off, as it should be")
