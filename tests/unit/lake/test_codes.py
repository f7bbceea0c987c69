"""What an exchange's codes mean: dated aliases, listed markets, and what nobody knows."""

from datetime import timedelta

from metrifly_pipeline.domain.lake_rows import Alias, ReferenceMarket, Room
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import ALICE, START, TOY, Feed, only_trade, rows_of


def test_a_code_means_what_it_meant_when_the_row_happened(lake, alice):
    before, after = START - timedelta(days=1), START + timedelta(days=1)
    alice.take(
        *(
            alice.movement(number, code="OLD", time=str(int(when.timestamp() * 1000)))
            for number, when in enumerate((before, after))
        )
    )

    assert [row["asset"] for row in rows_of(lake, "movements")] == ["OLD", "NEW"]


def test_an_alias_may_say_in_which_wallet_its_code_lies(lake, alice):
    alice.take(alice.movement(1, code="XBT.E"), alice.movement(2, code="XBT"))

    assert [(row["asset"], row["wallet"]) for row in rows_of(lake, "movements")] == [("BTC", "earn"), ("BTC", "spot")]


def test_an_unknown_code_is_kept_as_it_is_and_told(lake, alice):
    outcome = alice.take(alice.movement(1, code="WAT"))

    assert [row["asset"] for row in rows_of(lake, "movements")] == ["WAT"]
    assert outcome.unknown_assets == ("WAT",)
    assert lake.counts()[ALICE].unknown_assets == ("WAT",)


def test_with_a_star_every_listed_code_stands_for_itself(tmp_path):
    room = Room(
        exchange="toy",
        trades_sql=TOY.trades_sql,
        movements_sql=TOY.movements_sql,
        balances_sql=TOY.balances_sql,
        aliases=(Alias(code="*", asset="*", source="all others"),),
    )
    lake = open_lake(tmp_path / "lake", {"toy": room})
    lake.append_reference(
        [ReferenceMarket(exchange="toy", market_id="SOLEUR", base="SOL", quote="EUR", active=True, seen_at=START)]
    )
    feed = Feed(lake)

    outcome = feed.take(feed.movement(1, code="SOL"), feed.movement(2, code="WAT"))

    assert outcome.unknown_assets == ("WAT",)
    assert lake.counts()[ALICE].unknown_assets == ("WAT",)


def test_a_trade_on_a_market_that_nobody_listed_is_kept_under_the_markets_id(lake, alice):
    outcome = alice.take(alice.fill(1, market="GONEEUR"))

    trade = only_trade(lake)
    assert (trade["base"], trade["quote"], trade["base_code"]) == ("GONEEUR", None, None)
    assert outcome.unknown_assets == ("GONEEUR",)
    assert lake.counts()[ALICE].unknown_assets == ("GONEEUR",)


def test_a_market_means_what_it_meant_when_the_record_was_fetched(lake, alice):
    changed = alice.fetched_at + timedelta(seconds=1, milliseconds=500)
    lake.append_reference(
        [ReferenceMarket(exchange="toy", market_id="XBTEUR", base="XBT", quote="EUR", active=True, seen_at=START)]
    )
    lake.append_reference(
        [ReferenceMarket(exchange="toy", market_id="XBTEUR", base="OLD", quote="EUR", active=True, seen_at=changed)]
    )

    alice.take(alice.fill(1), alice.fill(2))

    assert [trade["base_code"] for trade in rows_of(lake, "trades")] == ["XBT", "OLD"]


def test_codes_that_moved_are_those_of_balances_and_movements_after_a_number(listed, alice):
    alice.take(alice.movement(1, code="EUR"), alice.snapshot(XBT="1"))
    newest = max(row["seq"] for row in rows_of(listed, "raw_records"))
    alice.take(alice.movement(2, code="XBT"), alice.fill(1, fee_code="EUR"))

    assert listed.moved_asset_codes(ALICE, 0) == {"EUR", "XBT"}
    assert listed.moved_asset_codes(ALICE, newest) == {"XBT"}
    assert listed.seen_asset_codes(ALICE) == {"EUR", "XBT"}
