"""The product: one connection's first import through its own services, raw, normalised and published.

`python -m tests.bench.product EXCHANGE BASE_URL FOLDER`. Limits are scaled away, which only a loopback address allows.
"""

import base64
import sys
from collections.abc import Sequence
from pathlib import Path

from metrifly_pipeline.bootstrap import Product, open_product
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.services.connecting import ConnectRequest
from metrifly_pipeline.settings import Settings
from tests.bench.measured import measure, report

NO_LIMITS = 1e6
CREDENTIAL = Credential("bench-key", base64.b64encode(b"bench-secret-of-no-account").decode(), "bench-pass")
SUMS = """
SELECT count(*), count(DISTINCT trade_key), count(*) FILTER (side = 'buy'), sum(epoch_us(executed_at)), sum(amount), sum(cost), sum(fee_amount)
FROM trades
"""


def _connect(product: Product, exchange: str, base_url: str) -> ConnectionId:
    product.control.create_portfolio(product.account, "Bench", product.clock())
    request = ConnectRequest(
        account=product.account, exchange=exchange, portfolio="Bench", credential=CREDENTIAL, base_url=base_url
    )
    return product.connecting.connect(request).id


def _first_import(product: Product) -> None:
    """Every slice until nothing waits any more, then publish."""
    while batches := product.requesting.batches():
        for batch in batches:
            for each in product.syncing.sync(batch.connections, batch.kind):
                if each.run.outcome not in {Outcome.ADDED, Outcome.CONTINUES, Outcome.NOTHING_NEW}:
                    raise SystemExit(f"the import failed: {each.run.outcome} {each.run.reason} {each.run.detail}")
                if each.run.quarantined:
                    raise SystemExit(f"{each.run.quarantined} records were quarantined")
    product.publishing.publish()


def _sums(product: Product) -> Sequence[str]:
    _, rows = product.lake.query(SUMS)
    return [str(value) for value in rows[0]]


def main(exchange: str, base_url: str, folder: Path) -> None:
    """Measure one run."""
    with open_product(Settings(home=folder, limit_scale=NO_LIMITS)) as product:
        _connect(product, exchange, base_url)
        report(measure(base_url, lambda: _first_import(product), lambda: _sums(product)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
