"""An exchange that does not tell what a key may do: a local Kraken that keeps it to itself."""

from dataclasses import replace

from metrifly_pipeline.services.connecting import Connecting
from metrifly_pipeline.services.syncing import Syncing
from tests.scenarios.homes import Home


class Discreet:
    """A gateway to the same exchanges; `told` says whether their specs promise to tell."""

    def __init__(self, gateway, *, told: bool) -> None:
        self._gateway = gateway
        self._told = told

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def spec(self, exchange):
        return replace(self._gateway.spec(exchange), tells_powers=self._told)

    def open(self, *given, **named):
        return _Session(self._gateway.open(*given, **named))


class _Session:
    def __init__(self, session) -> None:
        self._session = session

    def __getattr__(self, name):
        return getattr(self._session, name)

    def probe(self):
        return replace(self._session.probe(), can_trade=None, can_withdraw=None, can_transfer=None)


def keep_silent(home: Home, *, told: bool = False) -> None:
    """From here on no exchange of this home tells what a key may do."""
    product = home.product
    gateway = Discreet(product.gateway, told=told)
    home.product = replace(
        product,
        gateway=gateway,
        connecting=Connecting(replace(product.connecting._ports, gateway=gateway)),
        syncing=Syncing(replace(product.syncing._ports, gateway=gateway)),
    )
    home.time.while_asleep = home.product.syncing._leasing.renew_all
