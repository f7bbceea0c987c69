"""Files of entries as people fill them in, and the commands that import them."""

import csv

from metrifly_pipeline.domain.import_columns import COLUMNS
from tests.scenarios.commands import Commands

HEADING = [column.name for column in COLUMNS]
DAY = "2024-01-31"
VALID = {
    "reward": {"asset": "sol", "quantity": "1.5", "value": "120", "value_currency": "EUR"},
    "airdrop": {"asset": "UNI", "quantity": "400", "note": "=HYPERLINK(1)"},
    "swap": {"asset": "BTC", "quantity": "0.1", "counter_asset": "ETH", "counter_quantity": "1.5", "fee": "0.01", "fee_asset": "BNB"},
    "buy": {"asset": "BTC", "quantity": "0.5", "counter_asset": "EUR", "price": "30000", "fee": "5", "fee_asset": "EUR"},
    "sell": {"asset": "BTC", "quantity": "0.5", "counter_asset": "EUR", "counter_quantity": "15000"},
    "transfer_in": {"asset": "BTC", "quantity": "0.5"},
    "transfer_out": {"asset": "BTC", "quantity": "0.5"},
    "transfer_own": {"asset": "BTC", "quantity": "0.5", "to_portfolio": "other"},
    "opening_balance": {"asset": "BTC", "quantity": "0"},
    "adjustment": {"asset": "BTC", "quantity": "-0.000000000000000001"},
}  # fmt: skip
"""What is right for each kind; a test names only what matters."""


def row(kind, /, **changed):
    return {"kind": kind, "date": DAY} | VALID[kind] | changed


class Importing(Commands):
    """Commands, and the files that they are given."""

    def __init__(self, home, capsys, folder):
        super().__init__(home, capsys)
        self.folder = folder
        self.meanwhile = lambda: None
        """What happens while a person is asked."""

    def _ask_yes(self, question):
        self.meanwhile()
        return super()._ask_yes(question)

    def file(self, *rows, name="rows.csv", heading=HEADING):
        """Write a file of these rows; its path."""
        path = self.folder / name
        with path.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, heading)
            writer.writeheader()
            writer.writerows(rows)
        return path

    def stored(self, *rows, status=0, **options):
        """Import a file of these rows without being asked."""
        return self.told(f"metrifly import {self.file(*rows, **options)} --portfolio main --apply", status=status)

    def entries(self):
        return self.json("metrifly record list")

    def imports(self):
        return self.json("metrifly import list")
