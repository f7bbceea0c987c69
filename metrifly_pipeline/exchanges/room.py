"""What a room may add beside its data: the few questions that each exchange answers in a form of its own.

A room is a folder with `spec.py` (`SPEC: ExchangeSpec`), `aliases.csv`, `trades.sql`, `movements.sql` and `balances.sql`. The hooks
below are plain functions in its `spec.py` or `probe.py`; those it leaves out have the default named here. A room may also have
`server_time(call) -> float`, the exchange's clock in unix seconds: it is asked once where the exchange says that ours is off.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import KeyFacts, Market
from metrifly_pipeline.domain.spec import ExchangeSpec
from metrifly_pipeline.domain.trouble import ExchangeTroubleError

Json = Any
"""A parsed JSON value. Integers are `int`, every other number is the `str` of its own digits."""


class Call(Protocol):
    """Asks one allowed endpoint and returns the parsed, checked answer; raises ExchangeTroubleError."""

    def __call__(self, method: str, params: Mapping[str, Any] | None = None) -> Json:
        """Ask `method` (ccxt's implicit name, listed in the spec's endpoints)."""


class ProbeHook(Protocol):
    """`probe(call) -> KeyFacts`: what the key may do. Every room has one."""

    def __call__(self, call: Call, /) -> KeyFacts:
        """Ask what the key may do; None in a field means that the exchange does not tell."""


class MarketsHook(Protocol):
    """`markets(call) -> Sequence[Market]`: all markets, delisted ones too where the exchange lists them. Every room has one."""

    def __call__(self, call: Call, /) -> Sequence[Market]:
        """Ask the public endpoint and keep the exchange's own codes."""


class ErrorHook(Protocol):
    """`error_of(status, body) -> (code, message) | None`: recognises the exchange's error envelope, at status 200 too.

    `body` is the parsed JSON (a list or a non-empty dict). None says that this is no error envelope; default: None below status 400,
    else `(str(status), "")`. The message only meets the patterns of the spec's error table; it is never shown or stored.
    """

    def __call__(self, status: int, body: Json, /) -> tuple[str, str] | None:
        """Recognise an error envelope."""


class CandidatesHook(Protocol):
    """`candidate_symbols(codes, markets) -> Sequence[str]`: which symbols to ask, on exchanges that only answer by symbol.

    Default: every market, the listed ones first.
    """

    def __call__(self, asset_codes: set[str], markets: Sequence[Market], /) -> Sequence[str]:
        """Choose market ids, likeliest first."""


class CheckHook(Protocol):
    """`check(body, method) -> bool`: whether an answer that is no error has the shape `method` promises.

    False becomes ExchangeTroubleError(UNEXPECTED_RESPONSE). Streams are checked besides: their `rows_path` must be there.
    Default: True.
    """

    def __call__(self, body: Json, method: str, /) -> bool:
        """Check the expected shape."""


class ConfigureHook(Protocol):
    """`configure(exchange) -> None`: settings of the ccxt object itself (recvWindow, nonce). Default: nothing.

    The object's `milliseconds()` and `microseconds()` follow the injected clock.
    """

    def __call__(self, exchange: Any, /) -> None:
        """Set options of the ccxt object."""


_FIRST_ERROR_STATUS = 400


def no_error(status: int, _body: Json) -> tuple[str, str] | None:
    """The default of `error_of`: the status alone tells."""
    return None if status < _FIRST_ERROR_STATUS else (str(status), "")


_NOT_TOLD = frozenset(
    {
        Reason.PERMISSION_MISSING,
        Reason.KEY_OR_IP_OR_PERMISSION,
        Reason.EXCHANGE_UNSUPPORTED,
        Reason.UNEXPECTED_RESPONSE,
    }
)


def if_told(ask: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """What an answer says that only feeds a notice; nothing where it is refused or reads otherwise: nobody's trades wait for that.

    What would stop any other request, too (a limit, the network), is raised as there.
    """
    try:
        return ask()
    except ExchangeTroubleError as trouble:
        if trouble.reason not in _NOT_TOLD:
            raise
    except (LookupError, TypeError, AttributeError, ArithmeticError):
        pass
    return ()


def any_shape(_body: Json, _method: str) -> bool:
    """The default of `check`."""
    return True


def every_market(_asset_codes: set[str], markets: Sequence[Market]) -> Sequence[str]:
    """The default of `candidate_symbols`."""
    return [market.market_id for market in sorted(markets, key=lambda market: (not market.active, market.market_id))]


def leave_as_is(_exchange: Any) -> None:
    """The default of `configure`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomHooks:
    """A room's spec and functions, gathered by the catalogue."""

    spec: ExchangeSpec
    probe: ProbeHook
    markets: MarketsHook
    error_of: ErrorHook = no_error
    check: CheckHook = any_shape
    configure: ConfigureHook = leave_as_is
    candidate_symbols: CandidatesHook = every_market
    server_time: Callable[[Call], float] | None = None
    """`server_time(call) -> float`: the exchange's clock in unix seconds, asked once when it says that ours is off."""
