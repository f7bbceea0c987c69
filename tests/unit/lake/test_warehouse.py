"""What the published catalogue holds: complete, explained, and exact."""

from datetime import timedelta
from decimal import Decimal

from metrifly_pipeline.domain.lake_rows import Column, SmallTable
from metrifly_pipeline.domain.streams import us_of
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import ALICE, BOB, START, TOY, Feed, ask, portfolio, publish

ANALYSTS_TABLES = {
    "trades", "movements", "legs", "balances", "positions", "portfolio_transactions", "reconciliation", "connections",
    "quarantine", "assets", "entries", "_meta",
}  # fmt: skip


def test_every_table_and_column_is_explained(filled):
    publish(filled)

    names = {
        name
        for (name,) in ask(filled, "SELECT DISTINCT table_name FROM duckdb_columns() WHERE database_name = 'metrifly'")
    }
    assert names >= ANALYSTS_TABLES
    unexplained = "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'metrifly' AND coalesce(comment, '') = ''"
    assert ask(filled, unexplained) == []
    assert (
        ask(
            filled,
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'metrifly' AND coalesce(comment, '') = ''",
        )
        == []
    )
    views = "SELECT view_name FROM duckdb_views() WHERE database_name = 'metrifly' AND NOT internal AND coalesce(comment, '') = ''"
    assert ask(filled, views) == []


def test_no_explanation_holds_what_a_page_would_take_for_markup(filled):
    publish(filled)

    told = [
        comment for (comment,) in ask(filled, "SELECT comment FROM duckdb_columns() WHERE database_name = 'metrifly'")
    ]
    assert any("kraken-" in comment for comment in told)
    assert [comment for comment in told if "<" in comment] == []  # Dagster's pages show Markdown


def test_an_empty_lake_can_be_published_and_asked(lake):
    outcome = publish(lake)

    assert outcome.published
    assert outcome.rows["trades"] == 0
    for table in ANALYSTS_TABLES:
        assert ask(lake, f"FROM {table}") == [] or table in {"_meta", "connections", "assets"}


def test_current_trades_hold_the_newest_version_and_the_history_all_of_them(filled):
    outcome = publish(filled)

    assert ask(filled, "SELECT trade_key, version, amount, executed_day FROM trades") == [
        ("1", 2, Decimal(2), START.date())
    ]
    history = ask(filled, "SELECT version, recorded_at, superseded_at FROM trades_history ORDER BY version")
    assert [(version, superseded) for version, _, superseded in history] == [(1, history[1][1]), (2, None)]
    assert outcome.rows["trades"] == 1
    assert outcome.rows["quarantine"] == 1


def test_what_it_said_at_an_earlier_time_is_a_where_clause(filled):
    publish(filled)
    ((first,),) = ask(filled, "SELECT recorded_at FROM trades_history WHERE version = 1")

    sql = (
        "SELECT amount FROM trades_history WHERE recorded_at <= TIMESTAMPTZ '{0}'"
        " AND (superseded_at IS NULL OR superseded_at > TIMESTAMPTZ '{0}')"
    )
    assert ask(filled, sql.format(first.isoformat())) == [(Decimal(1),)]
    assert ask(filled, sql.format((first + timedelta(days=1)).isoformat())) == [(Decimal(2),)]


def test_legs_are_the_double_entry_of_trades_and_movements(filled):
    publish(filled)

    assert ask(filled, "SELECT source, kind, role, asset, amount FROM legs ORDER BY ALL") == [
        ("movement", "deposit", "main", "EUR", Decimal(1000)),
        ("trade", "buy", "base", "BTC", Decimal(2)),
        ("trade", "buy", "fee", "EUR", Decimal("-0.1")),
        ("trade", "buy", "quote", "EUR", Decimal(-201)),
    ]


def test_a_trade_that_is_neither_spot_nor_margin_is_listed_without_legs(filled, alice):
    alice.take(alice.fill(9, type="future"), alice.fill(10, type="margin", side="sell"))
    publish(filled)

    assert ask(filled, "SELECT count(*) FROM trades") == [(3,)]
    assert ask(filled, "SELECT DISTINCT source_key FROM legs WHERE source = 'trade' ORDER BY ALL") == [("1",), ("10",)]


def test_positions_and_reconciliation_are_exact_and_name_what_would_close_the_gap(filled):
    publish(filled)

    assert ask(filled, "SELECT portfolio_id, asset, amount FROM positions") == [
        ("pf-11111111", "BTC", Decimal(2)),
        ("pf-11111111", "EUR", Decimal("798.9")),
    ]
    assert ask(filled, "SELECT asset, reported, ledger, difference, suggested_entry FROM reconciliation") == [
        ("BTC", Decimal(2), Decimal(2), Decimal(0), ""),
        ("EUR", Decimal("797.9"), Decimal("798.9"), Decimal(-1), "An entry of -1 EUR would close the gap."),
    ]
    assert [(row.asset, row.difference) for row in filled.reconcile()] == [("BTC", Decimal(0)), ("EUR", Decimal(-1))]
    assert [row for row in filled.reconcile() if row.difference] == filled.differences()


def test_a_sum_too_large_for_a_decimal_is_empty_and_stops_nobody_else(filled, bob):
    huge = "9" * 20
    bob.take(bob.movement(1, amount=huge), bob.movement(2, amount=huge), bob.movement(3, code="EUR"))
    publish(
        filled, [SmallTable(name="connections", comment="x", columns=portfolio().columns, rows=[(BOB, "pf-2", "a")])]
    )

    assert ask(filled, "SELECT asset, amount FROM positions") == [("BTC", None), ("EUR", Decimal(1))]
    assert len(filled.reconcile()) == 2


def test_a_portfolio_sees_all_its_connections_in_one_shape(filled, bob):
    bob.take(bob.movement(1))
    publish(filled)

    assert ask(
        filled,
        "SELECT connection_id, source, kind, asset, amount, quote_amount FROM portfolio_transactions ORDER BY ALL",
    ) == [
        (ALICE, "movement", "deposit", "EUR", Decimal(1000), None),
        (ALICE, "trade", "buy", "BTC", Decimal(2), Decimal(-201)),
        (BOB, "movement", "deposit", "BTC", Decimal(1), None),
    ]


def test_moving_a_connection_is_one_row(filled):
    publish(filled)
    moved = SmallTable(
        name="connections", comment="x", columns=portfolio().columns, rows=[(ALICE, "pf-22222222", "default")]
    )
    publish(filled, [moved], change_seq=2)

    assert ask(filled, "SELECT DISTINCT portfolio_id FROM positions") == [("pf-22222222",)]


def test_small_tables_keep_their_types_and_words(lake):
    columns = (
        Column(name="name", sql_type="VARCHAR", comment="A name."),
        Column(name="amount", sql_type="DECIMAL(38,18)", comment="An amount."),
        Column(name="at", sql_type="TIMESTAMPTZ", comment="A time."),
        Column(name="on", sql_type="BOOLEAN", comment="A flag."),
        Column(name="at_us", sql_type="TIMESTAMPTZ", comment="A time given as microseconds."),
    )
    rows = [("it's", Decimal("0.000000000000000001"), START, True, us_of(START) + 1), (None, None, None, None, None)]
    publish(lake, [SmallTable(name='odd "one"', comment="It's odd.", columns=columns, rows=rows)])

    told, empty = ask(lake, 'SELECT * FROM "odd ""one"""')
    assert told == (*rows[0][:4], START + timedelta(microseconds=1))
    assert empty == rows[1]
    assert ask(lake, "SELECT comment FROM duckdb_tables() WHERE table_name = 'odd \"one\"'") == [("It's odd.",)]


def test_the_meta_row_says_when_from_what_and_until_when(filled):
    outcome = publish(filled, change_seq=3)

    names, rows = filled.query("SELECT * FROM _meta")
    meta = dict(zip(names, rows[0], strict=True))
    assert (meta["published_at"], meta["stale_after"], meta["change_seq"]) == (START, START + timedelta(hours=26), 3)
    assert {f"{name}_version" for name in outcome.versions} < set(names)
    assert all(meta[f"{name}_version"] == number for name, number in outcome.versions.items())


def test_what_the_assets_codes_mean_is_told_known_or_not(filled, alice):
    alice.take(alice.movement(7, code="WAT"))
    publish(filled)

    assert ask(filled, "SELECT asset, is_known FROM assets WHERE code IN ('XBT', 'WAT') ORDER BY ALL") == [
        ("BTC", True),
        ("WAT", False),
    ]


def test_counts_tell_what_lies_there_for_each_connection(filled, alice):
    counts = filled.counts()[ALICE]

    assert (counts.trades, counts.movements, counts.quarantined, counts.amended) == (1, 1, 1, 1)
    assert counts.first_trade_at == START + timedelta(seconds=1)
    assert counts.unknown_assets == ()


def test_feeds_of_two_lakes_do_not_mix(tmp_path):
    lake = open_lake(tmp_path / "other", {"toy": TOY})
    Feed(lake)

    assert lake.counts() == {}
