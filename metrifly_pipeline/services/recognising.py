"""Which exchange account a key opens: told by its identity, else recognised by the records that it shows."""

from collections.abc import Sequence

from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.linking import linked_already
from metrifly_pipeline.domain.ports import Clock, ControlStore, ExchangeSession, Lake
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.recognising import first_and_last, ids_of, ids_of_all, recognisable, visible
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.spec import ExchangeSpec, StreamSpec
from metrifly_pipeline.domain.status import Connection
from metrifly_pipeline.domain.streams import RawRecord, Span
from metrifly_pipeline.domain.trouble import ExchangeTroubleError, RefusedError

MOST_SYMBOLS = 10
"""Of an exchange that is asked symbol by symbol, how many are looked at in each of: the customer's own, everybody's."""


class Recognising:
    """Compares what a key shows with what other keys have shown. Whatever can't be told is not guessed."""

    def __init__(self, control: ControlStore, lake: Lake, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._lake = lake
        self._clock = clock

    def require_unlinked(
        self, account: AccountId, spec: ExchangeSpec, base_url: str | None, facts: KeyFacts, session: ExchangeSession
    ) -> None:
        """RefusedError where this exchange account is linked already, disconnected ones included, in this account or another.

        An exchange account without any record can't be told from others and passes.
        """
        linked = None
        if facts.identity is not None:
            linked = self._control.find_identity(account, spec.name, facts.identity)
        linked = linked or self._of_whom(account, self._comparable(spec, base_url, facts), spec, facts, session)
        if linked is not None:
            raise RefusedError(linked_already(linked, account))

    def is_same(
        self, connection: Connection, spec: ExchangeSpec, facts: KeyFacts, session: ExchangeSession
    ) -> bool | None:
        """Whether a key opens the exchange account that a connection imports; None where neither identity nor records tell.

        Where an identity isn't known of both, the key is asked for the oldest record that the connection has and that the exchange
        still shows.
        """
        if None not in (connection.identity, facts.identity):
            return facts.identity == connection.identity
        for stream in recognisable(spec, facts):
            span = visible(stream, self._clock())
            first = self._lake.first_raw(connection.id, stream.stream, stream.scopes, span)
            ids = None if first is None else ids_of(stream, first.payload)
            if first is None or ids is None:
                continue
            shown = _glimpse(session, stream, first.scope, Span(first.event_at, first.event_at))
            if shown is not None:
                return ids in ids_of_all(stream, [record for record in shown if record.event_at == first.event_at])
        return None

    def _comparable(self, spec: ExchangeSpec, base_url: str | None, facts: KeyFacts) -> list[Connection]:
        """Connections of this exchange that may be to the same exchange account: of which, or of this key, no identity is known."""
        return [
            each
            for each in self._control.connections()
            if each.exchange == spec.name
            and each.landed
            and (each.base_url is None) == (base_url is None)
            and None in (each.identity, facts.identity)
        ]

    def _of_whom(
        self,
        account: AccountId,
        candidates: Sequence[Connection],
        spec: ExchangeSpec,
        facts: KeyFacts,
        session: ExchangeSession,
    ) -> Connection | None:
        """The connection that has records which this key shows, the account's own first; None where none has."""
        known = {each.id: each for each in candidates}
        for stream in recognisable(spec, facts) if known else ():
            for scope in self._scopes(stream, account, candidates):
                found = self._owners(stream, scope, visible(stream, self._clock()), list(known), session)
                if found:
                    return min(
                        (known[each] for each in found), key=lambda one: (one.account != account, one.created_at)
                    )
        return None

    def _scopes(self, stream: StreamSpec, account: AccountId, candidates: Sequence[Connection]) -> Sequence[str]:
        """What a stream is asked by; of symbols those that were traded most, since the exchange doesn't tell which to ask."""
        if stream.scopes:
            return stream.scopes
        own = [each.id for each in candidates if each.account == account]
        everybodys = [each.id for each in candidates]
        busiest = [
            scope
            for among in (own, everybodys)
            for scope in self._lake.busiest_scopes(stream.stream, among, MOST_SYMBOLS)
        ]
        return list(dict.fromkeys(busiest))

    def _owners(
        self, stream: StreamSpec, scope: str, span: Span, among: Sequence[ConnectionId], session: ExchangeSession
    ) -> set[ConnectionId]:
        """Which of these connections have a record that this key shows."""
        shown = first_and_last(_glimpse(session, stream, scope, span) or ())
        ids = ids_of_all(stream, shown)
        moments = sorted({record.event_at for record in shown if record.event_at is not None})
        landed = self._lake.raw_at(stream.stream, scope, moments, among)
        return {connection for connection, payload in landed if ids_of(stream, payload) in ids}


def _glimpse(session: ExchangeSession, stream: StreamSpec, scope: str, span: Span) -> Sequence[RawRecord] | None:
    """What a key shows in a span; None where it may not read that, or the exchange no longer knows it."""
    if span.start > span.end:
        return None
    try:
        return session.glimpse(stream, scope, span)
    except ExchangeTroubleError as trouble:
        if not _only_here(stream, trouble):
            raise
        return None


def _only_here(stream: StreamSpec, trouble: ExchangeTroubleError) -> bool:
    """Whether only this stream or symbol can't be read."""
    return trouble.code in stream.gone or (not stream.required and trouble.reason is Reason.PERMISSION_MISSING)
