"""The portfolios job: one publish, the dashboard with its checks, and metadata that reads well."""

import dataclasses

import dagster as dg
import pytest

from metrifly_pipeline.domain.attention import Acknowledgement
from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.reasons import Reason
from tests.dagster.builders import NOW, a_matter, a_publish, a_view

KRAKEN, BINANCE = "kraken-aaaaaaaa", "binance-bbbbbbbb"
MISMATCH = Reason.BALANCE_MISMATCH


def metadata(bench, asset):
    record = bench.instance.get_latest_materialization_event(dg.AssetKey(asset))
    return {name: plain(value) for name, value in record.asset_materialization.metadata.items()}


def plain(value):
    if isinstance(value, dg.TableMetadataValue):
        return [dict(record.data) for record in value.records]
    return value.value


def verdicts(result):
    assert result.success
    return {item.check_name: (item.passed, item.severity.value) for item in result.get_asset_check_evaluations()}


def test_all_portfolio_assets_come_from_one_publish(bench, product):
    result = bench.publish()

    assert result.success
    assert product.publishes == 1
    for asset in ("portfolio_transactions", "positions", "reconciliation", "connection_status", "warehouse"):
        assert bench.materialised(asset) == [None]


def test_a_publish_that_a_newer_one_overtook_materialises_only_the_dashboard(bench, product):
    product.report = a_publish(a_view(KRAKEN), published=False)

    assert bench.publish().success

    assert bench.materialised("connection_status") == [None]
    assert bench.materialised("warehouse") == []


@pytest.mark.parametrize(
    ("matters", "expected"),
    [
        ([], (True, "WARN")),
        ([a_matter(KRAKEN, MISMATCH)], (False, "WARN")),
        ([a_matter(BINANCE)], (False, "ERROR")),
    ],
)
def test_a_check_is_an_error_where_somebody_must_act_and_a_warning_where_data_are_limited(
    bench, product, matters, expected
):
    product.report = a_publish(*(a_view(matter.connection, matter) for matter in matters))

    found = verdicts(bench.publish())

    family = "balances_reconcile" if matters and matters[0].reason is MISMATCH else "credentials_valid"
    assert found[family] == expected
    assert found["fresh"] == (True, "WARN")
    assert len(found) == 6


def test_a_failing_check_shows_connection_matter_and_detail(bench, product):
    product.report = a_publish(a_view(KRAKEN, a_matter(KRAKEN, MISMATCH, detail="BTC +0.5")))

    result = bench.publish()

    (failed,) = [item for item in result.get_asset_check_evaluations() if not item.passed]
    assert failed.description == "1 connection with limited data."
    assert plain(failed.metadata["connections"]) == [
        {
            "connection": KRAKEN,
            "matter": "Reported balances differ from what the history adds up to",
            "detail": "BTC +0.5",
        }
    ]


def test_a_check_passes_with_acknowledged_notices_and_lists_them_without_a_persons_words(bench, product):
    given = Acknowledgement(at=NOW, by=AccountId("default"), note="Grandma knows")
    known = dataclasses.replace(a_matter(KRAKEN, MISMATCH, detail="BTC +0.5"), acknowledged=given)
    product.report = a_publish(a_view(KRAKEN, known))

    result = bench.publish()

    (check,) = [item for item in result.get_asset_check_evaluations() if item.metadata]
    assert (check.passed, check.description) == (True, "Only 1 connection with acknowledged notices.")
    (row,) = plain(check.metadata["connections"])
    assert row["matter"].startswith("Acknowledged on 2026-03-01: Reported balances differ")
    assert "Grandma" not in str(row)


def test_the_dashboard_lists_only_those_that_need_someone_and_counts_all(bench, product):
    product.report = a_publish(a_view(KRAKEN), a_view(BINANCE, a_matter(BINANCE)))

    bench.publish()

    shown = metadata(bench, "connection_status")
    assert f"[{BINANCE}](/assets/trades?view=partitions&partition={BINANCE})" in shown["needs_someone"]
    assert "✖ act: The exchange does not know this API key" in shown["needs_someone"]
    assert shown["needs_someone"].endswith("\n1 other connection that nobody needs to act on.")
    assert KRAKEN not in shown["needs_someone"]
    assert shown["connections"] == 2


def test_a_disconnected_connection_needs_nobody(bench, product):
    product.report = a_publish(a_view(KRAKEN), a_view(BINANCE, a_matter(BINANCE), disconnected=True))

    bench.publish()

    assert metadata(bench, "connection_status")["needs_someone"] == "**Nobody needs to act.** 1 connection looked at."


def test_reconciliation_shows_only_what_differs_in_exact_digits(bench, product):
    product.report = a_publish(a_view(KRAKEN), wrong=[("XMR", "-0.000000000000000001")])
    bench.publish()
    wrong = metadata(bench, "reconciliation")
    product.report = a_publish(a_view(KRAKEN))
    bench.publish()
    right = metadata(bench, "reconciliation")

    assert wrong["difference"] == [{"connection": KRAKEN, "asset": "XMR", "difference": "-0.000000000000000001"}]
    assert (wrong["assets_compared"], wrong["assets_differing"]) == (3, 1)
    assert right["difference"] == "0 for all 2 assets"


def test_metadata_tells_rows_columns_and_span(bench, product):
    product.report = a_publish(a_view(KRAKEN))

    bench.publish()

    positions = metadata(bench, "positions")
    assert positions["dagster/row_count"] == 2
    assert [column.name for column in positions["dagster/column_schema"].columns] == ["asset", "amount"]
    assert positions["dagster/column_schema"].columns[0].description == "The asset."
    transactions = metadata(bench, "portfolio_transactions")
    assert transactions["dagster/row_count"] == 9
    assert transactions["first_trade_at"] < transactions["last_trade_at"]
    assert {"table": "trades", "rows": 3} in metadata(bench, "warehouse")["tables"]


def test_no_word_of_a_person_enters_dagster(bench, product):
    product.report = a_publish(a_view(KRAKEN, a_matter(KRAKEN)))

    result = bench.publish()

    written = "\n".join(str(entry) for entry in bench.instance.all_logs(result.run_id))
    assert KRAKEN in written
    assert "Grandma" not in written
