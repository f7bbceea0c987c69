"""The real product over a local exchange, for tests that need both."""

import time
from collections.abc import Sequence

from metrifly_pipeline.bootstrap import Product
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.trouble import NotFoundError
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.services.connecting import ConnectRequest

SCALE = 1e6
"""No test here is about limits."""
PORTFOLIO = "Grandma's savings"


def a_small_account(seed: int = 1) -> AccountBuilder:
    """A deposit and a trade at Kraken."""
    return AccountBuilder("kraken", seed=seed).with_movement(kind="deposit", asset="USD", amount="100000").with_fill()


def served(accounts: Sequence[AccountBuilder]) -> Sandbox:
    return Sandbox([builder.account for builder in accounts], seed=1, clock=time.time, scale=SCALE)


def connect(product: Product, sandbox: Sandbox, builder: AccountBuilder) -> ConnectionId:
    try:
        product.control.find_portfolio(product.account, PORTFOLIO)
    except NotFoundError:
        product.control.create_portfolio(product.account, PORTFOLIO, product.clock())
    request = ConnectRequest(
        account=product.account,
        exchange=builder.account.exchange,
        portfolio=PORTFOLIO,
        credential=Credential(builder.key.api_key, builder.key.secret),
        label=PORTFOLIO,
        base_url=sandbox.base_url(builder.account.exchange),
    )
    return product.connecting.connect(request).id
