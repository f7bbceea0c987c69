"""The door to exchanges: finds, describes and opens them. Implements `domain.ports.ExchangeGateway`."""

import random
import re
from collections.abc import Mapping, Sequence

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.lake_rows import Room
from metrifly_pipeline.domain.ports import Budget, CatalogEntry, Clock, Sleep
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import Market
from metrifly_pipeline.domain.spec import ExchangeSpec
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges import catalog
from metrifly_pipeline.exchanges.client import make_client
from metrifly_pipeline.exchanges.guard import check_base_url
from metrifly_pipeline.exchanges.retrying import Patience
from metrifly_pipeline.exchanges.session import Listed, Session, Surroundings

_PRINTABLE = re.compile(r"[!-~]+")
_PRINTABLE_LINES = re.compile(r"[!-~ \n]+")


class Gateway:
    """Opens sessions. Time, waiting and chance are parameters; `limit_scale` only ever touches a local exchange."""

    def __init__(
        self,
        *,
        clock: Clock,
        sleep: Sleep,
        rng: random.Random | None = None,
        limit_scale: float = 1.0,
        egress: str = "local",
        timeout_seconds: float = 30.0,
        patience: Patience | None = None,
    ) -> None:
        """Keep what every session needs.

        Args:
            clock: Aware, UTC; also what requests are signed with.
            sleep: Waits for seconds between tries.
            rng: Source of the jitter of retries.
            limit_scale: Multiplies an exchange's limits where `base_url` names a local one.
            egress: The address requests leave from; processes with the same one share the limits per IP.
            timeout_seconds: Of connecting, and of each read.
            patience: Bounds of retries.
        """
        self._clock, self._sleep, self._rng = clock, sleep, rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._limit_scale, self._egress, self._timeout = limit_scale, egress, timeout_seconds
        self._patience = patience or Patience()
        self._listed = Listed()

    def search(self, text: str) -> Sequence[CatalogEntry]:
        """Every exchange whose name or title contains `text` (any case), linked ones first."""
        return catalog.search(text)

    def spec(self, exchange: str) -> ExchangeSpec:
        """The room's spec; NotFoundError for no such exchange, RefusedError for one without a room."""
        return catalog.hooks(exchange).spec

    def room(self, exchange: str) -> Room:
        """The room's SQL and aliases."""
        return catalog.room(exchange)

    def rooms(self) -> Mapping[str, Room]:
        """All rooms by exchange."""
        return catalog.rooms()

    def candidate_symbols(self, exchange: str, codes: set[str], markets: Sequence[Market]) -> Sequence[str]:
        """Market ids that an exchange account with these asset codes may have traded on, likeliest first."""
        return catalog.hooks(exchange).candidate_symbols(codes, markets)

    def open(self, exchange: str, credential: Credential, *, base_url: str | None, budget: Budget) -> Session:
        """Open a session. Nothing is sent yet, but a credential that can't sign is found here.

        Raises:
            RefusedError: `base_url` is no literal loopback address, or the exchange has no room.
            ExchangeTroubleError: The credential is malformed (which field, says the reason), or ccxt lost the exchange.
        """
        hooks = catalog.hooks(exchange)
        address = None if base_url is None else check_base_url(base_url)
        _check_fields(hooks.spec, credential)
        client = make_client(hooks, credential, base_url=address, clock=self._clock, timeout_seconds=self._timeout)
        surroundings = Surroundings(
            clock=self._clock,
            sleep=self._sleep,
            rng=self._rng,
            budget=budget,
            patience=self._patience,
            limit_scale=1.0 if address is None else self._limit_scale,
            egress=self._egress,
            listed=self._listed,
            place="" if address is None else f"@{address.partition('://')[2]}",
        )
        session = Session(hooks, client, surroundings, credential.api_key)
        session.try_signing()
        return session


def _check_fields(spec: ExchangeSpec, credential: Credential) -> None:
    """Each field that the exchange asks for is there and consists of characters that can be sent."""
    fields = {
        "api_key": (credential.api_key, Reason.KEY_INVALID),
        "secret": (credential.secret, Reason.SECRET_WRONG),
        "passphrase": (credential.passphrase, Reason.PASSPHRASE_WRONG),
    }
    for wanted in spec.credentials:
        value, reason = fields[wanted.name]
        if not value:
            raise ExchangeTroubleError(reason, detail=f"{wanted.label} is empty")
        if (_PRINTABLE_LINES if wanted.multiline or wanted.name == "passphrase" else _PRINTABLE).fullmatch(
            value
        ) is None:
            raise ExchangeTroubleError(reason, detail=f"{wanted.label} holds characters that can't be part of it")
