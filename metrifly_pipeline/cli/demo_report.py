"""What the demo found: the comparison with the truth, and how it is printed."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrifly_pipeline.cli.demo_check import Difference, Verdict, added_up, compare_movements, compare_trades
from metrifly_pipeline.cli.doors import own_connections
from metrifly_pipeline.cli.listing import show_connections
from metrifly_pipeline.cli.local_exchange import account_of
from metrifly_pipeline.cli.reading import reconciliation, show_reconciliation
from metrifly_pipeline.cli.render import Col, heading, item, paste, say, table, words
from metrifly_pipeline.domain.lake_rows import ReconciliationRow

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product
    from metrifly_pipeline.cli.syncing import Asked

SHOWN_DIFFERENCES = 10
POSITIONS = "SELECT name AS portfolio, asset, amount FROM positions JOIN portfolios USING (portfolio_id) ORDER BY ALL"
QUERIES = (
    POSITIONS,
    "SELECT year(executed_at) AS y, base, side, count(*) AS n, sum(amount) AS amount FROM trades GROUP BY ALL ORDER BY ALL",
    "SELECT connection_id, stream, scope, covered_from, covered_to FROM coverage ORDER BY ALL",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How the published rows stand against the truth."""

    trades: Verdict
    movements: Verdict
    reconciliation: Sequence[ReconciliationRow]

    @property
    def exact(self) -> bool:
        """Nothing is missing, doubled or different, and every balance agrees."""
        return self.trades.ok and self.movements.ok and not any(row.difference for row in self.reconciliation)


def check(product: "Product", truth: Mapping[str, Any]) -> Figures:
    """Compare every published row of every connection with the truth of its exchange."""
    trades, movements = _rows(product, "trades"), _rows(product, "movements")
    verdicts = []
    for connection in own_connections(product):
        account = account_of(truth, connection.exchange)
        own = [[row for row in rows if row["connection_id"] == connection.id] for rows in (trades, movements)]
        verdicts.append(
            (compare_trades(account["trades"], own[0]), compare_movements(account["movements"], own[1])),
        )
    return Figures(
        trades=added_up(pair[0] for pair in verdicts),
        movements=added_up(pair[1] for pair in verdicts),
        reconciliation=reconciliation(product),
    )


def _rows(product: "Product", name: str) -> list[dict[str, object]]:
    columns, rows = product.lake.query(f"SELECT * FROM {name}")  # noqa: S608 - two names written above
    return [dict(zip(columns, row, strict=True)) for row in rows]


def show(product: "Product", home: Path, asked: "Sequence[Asked]", figures: Figures) -> None:
    """Print it all."""
    say()
    table([Col("synced", whole=True), Col("")], [(one.request.connection, one.answer.text) for one in asked])
    say()
    heading("Connections")
    show_connections(product.listing.views(product.account), product.clock())
    say()
    heading("Positions")
    columns = [Col("portfolio"), Col("asset", whole=True), Col("amount", right=True)]
    table(columns, [[words(cell) for cell in row] for row in product.lake.query(POSITIONS)[1]])
    say()
    heading("Reconciliation: what exchanges report, against what the history adds up to")
    show_reconciliation(figures.reconciliation)
    say()
    heading("Against the local exchange's own ledger")
    _show_verdict(figures.trades, "trades")
    _show_verdict(figures.movements, "movements")
    _show_next(product, home)


def _show_verdict(verdict: Verdict, noun: str) -> None:
    ending = "exact" if verdict.ok else "exact - NOT ALL"
    item(f"{verdict.exact:,} of {verdict.expected:,} {noun}, {ending}")
    shown: Sequence[Difference] = verdict.differences[:SHOWN_DIFFERENCES]
    for difference in shown:
        item(str(difference), indent=4)
    if len(verdict.differences) > len(shown):
        item(f"and {len(verdict.differences) - len(shown):,} more", indent=4)


def _show_next(product: "Product", home: Path) -> None:
    say()
    heading("Where to go on")
    paste(f"export METRIFLY_HOME={home}")
    paste("make dev    # the Dagster UI, and this local exchange")
    for query in QUERIES:
        paste(f'{_command()} query "{query}"')
    paste(f"# or with any DuckDB from 1.4 on: {product.settings.warehouse_file}")


def _command() -> str:
    """How this environment's `metrifly` is called from here."""
    script = Path(sys.executable).parent / "metrifly"
    found = shutil.which("metrifly")
    if found is not None or not script.exists():
        return "metrifly"
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)
