"""The sync job: success by connection, nothing for an idle one, and what launches of each kind may do."""

import dagster as dg
import pytest

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome, SyncKind
from tests.dagster.bench import failure_text
from tests.dagster.builders import a_matter, a_refused_report, a_report, an_idle_report

KRAKEN, BINANCE, OKX = "kraken-aaaaaaaa", "binance-bbbbbbbb", "okx-cccccccc"


@pytest.fixture
def three(bench, product):
    """Three connections that have all synced well once."""
    product.knows(KRAKEN, BINANCE, OKX)
    product.syncing.plan(*(a_report(name, new_partition=True) for name in (KRAKEN, BINANCE, OKX)))
    assert bench.run_batch(product.batch(1, KRAKEN, BINANCE, OKX)).success
    return bench


def test_the_first_landing_adds_the_partition_and_names_every_asset(bench, product):
    product.syncing.plan(a_report(KRAKEN, new_partition=True))

    result = bench.run_batch(product.batch(1, KRAKEN))

    assert result.success
    assert bench.partitions() == [KRAKEN]
    for asset in ("raw_fills", "raw_activity", "trades", "movements", "balances"):
        assert bench.materialised(asset) == [KRAKEN]


def test_a_later_sync_materialises_only_what_changed(three, product):
    product.syncing.plan(a_report(KRAKEN, raw_landed=2, movements_added=1, balances=1))

    assert three.run_batch(product.batch(2, KRAKEN)).success

    counts = {name: three.materialised(name).count(KRAKEN) for name in ("raw_fills", "trades", "raw_activity")}
    assert counts == {"raw_fills": 1, "trades": 1, "raw_activity": 2}
    assert three.materialised("movements").count(KRAKEN) == 2
    assert three.materialised("balances").count(KRAKEN) == 2


def test_a_failing_connection_fails_neither_the_others_nor_the_run(three, product):
    product.syncing.plan(a_report(KRAKEN), a_refused_report(BINANCE), a_report(OKX))

    result = three.run_batch(product.batch(2, KRAKEN, BINANCE, OKX))

    assert result.success
    assert three.materialised("trades")[3:] == [KRAKEN, OKX]


def test_an_idle_sync_writes_nothing_for_any_connection(three, product):
    product.syncing.plan(*(an_idle_report(name) for name in (KRAKEN, BINANCE, OKX)))
    idle = three.run_batch(product.batch(2, KRAKEN, BINANCE, OKX))
    product.syncing.plan(an_idle_report(KRAKEN))
    idle_alone = three.run_batch(product.batch(3, KRAKEN))
    product.syncing.plan(a_report(KRAKEN), an_idle_report(BINANCE), an_idle_report(OKX))
    with_news = three.run_batch(product.batch(4, KRAKEN, BINANCE, OKX))

    assert three.rows(idle) == three.rows(idle_alone)
    assert three.rows(with_news) == three.rows(idle) + len(("raw_fills", "trades", "its line in the log"))
    assert len(three.materialised("trades")) == 4


def test_every_connection_has_its_line_in_the_runs_log_by_id_only(three, product):
    product.syncing.plan(
        a_report(KRAKEN), an_idle_report(BINANCE), a_refused_report(OKX), a_report("okx-dddddddd", Outcome.LEASE_LOST)
    )

    said = three.said(three.run_batch(product.batch(2, KRAKEN, BINANCE, OKX, "okx-dddddddd")))

    assert f"{KRAKEN}: added 3 trades with 0 requests" in said
    assert f"nothing new: {BINANCE}" in said
    assert [line for line in said if line.startswith(f"{OKX}: failed: The exchange does not know this API key")]
    assert [line for line in said if line.startswith("okx-dddddddd: another worker took over")]
    assert "Grandma" not in "\n".join(said)


def test_a_sync_that_cured_something_says_so_in_words_even_without_news(three, product):
    product.syncing.plan(a_report(KRAKEN, Outcome.NOTHING_NEW, cured="key_invalid"), an_idle_report(BINANCE))

    said = three.said(three.run_batch(product.batch(2, KRAKEN, BINANCE)))

    assert f"{KRAKEN}: added nothing with 0 requests; cured: The exchange does not know this API key" in said
    assert f"nothing new: {BINANCE}" in said


def test_an_unfinished_first_import_counts_as_success(bench, product):
    product.syncing.plan(a_report(KRAKEN, Outcome.CONTINUES, new_partition=True, raw_landed=9, trades_added=9))

    assert bench.run_batch(product.batch(1, KRAKEN)).success

    assert bench.materialised("trades") == [KRAKEN]


def test_a_connection_that_failed_after_its_first_landing_is_named_in_full_by_its_next_success(bench, product):
    bench.instance.add_dynamic_partitions("connections", [KRAKEN])
    product.syncing.plan(an_idle_report(KRAKEN))

    assert bench.run_batch(product.batch(1, KRAKEN)).success

    assert bench.materialised("movements") == [KRAKEN]


def test_launched_with_a_partition_the_run_turns_red_where_its_connection_fails(three, product):
    product.syncing.plan(a_refused_report(KRAKEN))
    failed = three.run_partition(KRAKEN)
    product.syncing.plan(a_report(KRAKEN))
    cured = three.run_partition(KRAKEN)

    assert not failed.success
    assert "metrifly replace-key kraken-aaaaaaaa" in failure_text(failed)
    assert cured.success


def test_launched_with_a_range_the_run_writes_every_success_and_then_fails(three, product):
    product.syncing.plan(a_report(KRAKEN), a_refused_report(BINANCE), a_report(OKX))

    result = three.run_range(KRAKEN, OKX)

    assert not result.success
    assert three.materialised("trades")[3:] == [KRAKEN, OKX]
    assert BINANCE in failure_text(result)
    assert KRAKEN not in failure_text(result)


def test_launched_with_a_partition_that_another_sync_holds_the_run_says_so(three, product):
    product.syncing.plan()
    held = three.run_partition(KRAKEN)
    in_batch = three.run_batch(product.batch(2, KRAKEN))

    assert f"{KRAKEN} was left out" in failure_text(held)
    assert in_batch.success


def test_a_partition_that_is_no_connection_is_refused_before_anything_is_asked(bench, product):
    bench.instance.add_dynamic_partitions("connections", ["anything"])

    result = bench.run_partition("anything")

    assert failure_text(result) == "There is no connection anything."
    assert product.syncing.asked == []


def test_a_batch_whose_accounts_were_all_deleted_meanwhile_has_nothing_to_do(bench, product):
    product.batch(2)

    assert bench.run_batch(2).success
    assert product.syncing.asked == [("sync sync_now", ())]


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "No connection was named"), (9, "There is no batch 9.")],
)
def test_a_run_without_connections_fails_in_plain_words(bench, product, number, words):
    result = bench.run_batch(number)

    assert not result.success
    assert words in failure_text(result)
    assert product.syncing.asked == []


def test_the_kind_of_a_batch_is_the_lane_of_the_sync(three, product):
    three.run_batch(product.batch(2, KRAKEN, kind=SyncKind.DAILY))
    three.run_batch(product.batch(3, OKX, kind=SyncKind.FIRST_IMPORT))

    assert product.syncing.asked[1:] == [("sync daily", (KRAKEN,)), ("sync first_import", (OKX,))]


def test_selecting_only_normalised_assets_never_asks_the_exchange(three, product):
    product.syncing.plan(a_report(KRAKEN))
    three.run_partition(KRAKEN, ["trades"])
    three.run_partition(KRAKEN, ["trades", "movements", "balances"])
    three.run_partition(KRAKEN, ["raw_fills", "trades"])

    assert [what for what, _ in product.syncing.asked[1:]] == ["normalize", "normalize", "sync sync_now"]


def test_rebuild_starts_from_the_first_raw_record_without_the_exchange(three, product):
    three.run_batch(product.batch(2, KRAKEN), rebuild=True)
    three.run_batch(product.batch(3, KRAKEN, kind=SyncKind.REBUILD))

    assert product.syncing.asked[1:] == [("rebuild", (KRAKEN,)), ("rebuild", (KRAKEN,))]


def test_a_fault_of_our_own_fails_the_run_and_keeps_what_was_written_before(three, product):
    product.syncing.plan(a_report(KRAKEN))
    product.syncing.fault = ZeroDivisionError()

    result = three.run_batch(product.batch(2, KRAKEN))

    assert not result.success
    assert three.materialised("trades")[3:] == [KRAKEN]
    assert [line for line in three.said(result) if line.startswith("A fault of Metrifly itself (ZeroDivisionError)")]


def test_needs_attention_is_written_when_the_verdict_changes_and_only_then(three, product):
    def verdicts():
        found = three.evaluations("trades", "needs_attention")
        return [(item.partition, item.passed) for item in found if item.partition == KRAKEN]

    assert verdicts() == [(KRAKEN, True)]
    product.syncing.plan(a_refused_report(KRAKEN))
    three.run_batch(product.batch(2, KRAKEN))
    product.syncing.plan(a_refused_report(KRAKEN, changed=False))
    three.run_batch(product.batch(3, KRAKEN))
    assert verdicts() == [(KRAKEN, True), (KRAKEN, False)]
    product.syncing.plan(an_idle_report(KRAKEN))
    three.run_batch(product.batch(4, KRAKEN))
    three.run_batch(product.batch(5, KRAKEN))
    assert verdicts() == [(KRAKEN, True), (KRAKEN, False), (KRAKEN, True)]


def test_an_evaluation_points_at_the_materialisation_it_speaks_of(three, product):
    newest = three.evaluations("trades", "needs_attention")[-1]

    assert newest.partition == OKX
    record = three.instance.fetch_materializations(dg.AssetKey("trades"), limit=1)
    assert newest.target_materialization_data.storage_id == record.records[0].storage_id


def test_a_notice_is_no_need_for_attention(three, product):
    noticed = a_report(KRAKEN, standing=[a_matter(KRAKEN, Reason.BALANCE_MISMATCH)])
    product.syncing.plan(noticed)
    three.run_batch(product.batch(2, KRAKEN))
    before = len(three.evaluations("trades", "needs_attention"))
    product.syncing.plan(a_report(KRAKEN, standing=[a_matter(KRAKEN, Reason.KEY_TOO_POWERFUL)]))
    three.run_batch(product.batch(3, KRAKEN))

    assert before == 3
    assert not three.evaluations("trades", "needs_attention")[-1].passed


def test_a_connection_that_never_landed_gets_no_partition_by_failing(bench, product):
    product.syncing.plan(a_refused_report(KRAKEN))

    assert bench.run_batch(product.batch(1, KRAKEN)).success

    assert bench.partitions() == []
    assert bench.evaluations("trades", "needs_attention") == []


def test_a_check_is_never_evaluated_without_its_partition(three, product):
    product.syncing.plan(a_refused_report(KRAKEN), a_report(OKX))

    result = three.run_batch(product.batch(2, KRAKEN, OKX))

    assert [item.partition for item in result.get_asset_check_evaluations()] == [KRAKEN]


def test_launched_from_the_ui_the_check_that_was_planned_is_always_written(three, product):
    product.syncing.plan(a_refused_report(KRAKEN))
    three.run_batch(product.batch(2, KRAKEN))
    product.syncing.plan(a_refused_report(KRAKEN, changed=False))
    still_failing = three.run_from_the_ui(KRAKEN, "trades")
    product.syncing.plan(an_idle_report(KRAKEN))
    cured = three.run_from_the_ui(KRAKEN, "trades")
    still_fine = three.run_from_the_ui(KRAKEN, "trades")

    assert [run.success for run in (still_failing, cured, still_fine)] == [False, True, True]
    verdicts = [each.passed for each in three.evaluations("trades", "needs_attention") if each.partition == KRAKEN]
    assert verdicts == [True, False, False, True, True]
