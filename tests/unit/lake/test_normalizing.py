"""Raw records become trades and movements: exact, whole or not at all, once."""

import json
from datetime import timedelta
from decimal import Decimal

import duckdb
import pytest

from metrifly_pipeline.domain.lake_rows import Alias, NormalizeJob, ReferenceMarket, Room
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import ALICE, START, TOY, Feed, rows_of


@pytest.fixture
def listed(lake):
    """The lake once it knows the market XBTEUR."""
    lake.append_reference(
        [ReferenceMarket(exchange="toy", market_id="XBTEUR", base="XBT", quote="EUR", active=True, seen_at=START)]
    )
    return lake


def only_trade(lake):
    (trade,) = rows_of(lake, "trades")
    return trade


def reasons(lake):
    return [row["reason"] for row in rows_of(lake, "quarantine")]


def test_a_fill_becomes_a_trade_with_our_asset_codes_and_every_digit(listed, alice):
    outcome = alice.take(
        alice.fill(7, price="30000.10", amount="0.12345678", cost="3703.715745678", fee="0.5", order="o1")
    )

    trade = only_trade(listed)
    assert outcome.trades_added == 1
    assert outcome.first_trade_at == outcome.last_trade_at == START + timedelta(seconds=7)
    assert {name: trade[name] for name in ("trade_key", "native_id", "order_id", "market", "side", "version")} == {
        "trade_key": "7",
        "native_id": "7",
        "order_id": "o1",
        "market": "XBTEUR",
        "side": "buy",
        "version": 1,
    }
    assert (trade["base"], trade["quote"], trade["fee_asset"]) == ("BTC", "EUR", "EUR")
    assert (trade["base_code"], trade["quote_code"], trade["fee_code"]) == ("XBT", "EUR", "EUR")
    assert (trade["amount"], trade["price"], trade["price_text"]) == (
        Decimal("0.12345678"),
        Decimal("30000.1"),
        "30000.10",
    )
    assert (trade["cost"], trade["cost_is_derived"], trade["fee_amount"]) == (
        Decimal("3703.715745678"),
        False,
        Decimal("0.5"),
    )
    assert trade["executed_at"] == START + timedelta(seconds=7)


def test_a_cost_that_the_exchange_does_not_tell_is_multiplied_exactly(listed, alice):
    alice.take(alice.fill(1, cost=None, amount="1.5", price="2.5"))
    alice.take(alice.fill(2, cost=None, amount="1.000000000000000003", price="0.5"))

    costs = [(trade["cost"], trade["cost_is_derived"]) for trade in rows_of(listed, "trades")]
    assert costs == [(Decimal("3.75"), True), (Decimal("0.500000000000000002"), True)]


def test_numbers_with_exponents_are_the_same_numbers(listed, alice):
    alice.take(alice.fill(1, price="1.5E+3", amount="25e-4", cost="3.75", fee="0E-8"))

    trade = only_trade(listed)
    assert (trade["price"], trade["amount"], trade["fee_amount"]) == (Decimal(1500), Decimal("0.0025"), Decimal(0))
    assert trade["price_is_exact"]


def test_a_price_with_more_decimals_is_rounded_beside_the_exchanges_own_digits(listed, alice):
    digits = "0.1234567890123456785"
    alice.take(alice.fill(1, price=digits, amount="2", cost=None))

    trade = only_trade(listed)
    assert (trade["price"], trade["price_text"], trade["price_is_exact"]) == (
        Decimal("0.123456789012345678"),
        digits,
        False,
    )
    assert trade["cost"] == Decimal("0.246913578024691357")


UNREADABLE = [
    ({"amount": "NaN"}, "amount: not a number"),
    ({"amount": "1.1234567890123456789"}, "amount: 19 decimals"),
    ({"amount": None}, "amount: missing"),
    ({"amount": "-1"}, "amount: negative"),
    ({"price": "1_000"}, "price: not a number"),
    ({"price": "123456789012345678901"}, "price: 21 integer digits"),
    ({"price": "-1"}, "price: negative"),
    ({"cost": "Infinity"}, "cost: not a number"),
    (
        {"cost": None, "amount": "99999999999", "price": "99999999999"},
        "cost: amount x price has more than 20 integer digits",
    ),
    ({"fee": "a bit"}, "fee_amount: not a number"),
    ({"fee": "0.1", "fee_code": None}, "fee_code: missing"),
    ({"time": None}, "executed_at: missing"),
    ({"time": "yesterday"}, "executed_at: unreadable"),
    ({"time": "1"}, "executed_at: before 2009 or in the future"),
    ({"time": "9999999999999"}, "executed_at: before 2009 or in the future"),
    ({"side": "both"}, "side: neither buy nor sell"),
    ({"id": ""}, "trade_key: missing"),
    ({"hidden": "1"}, "not_understood"),
]


def test_what_can_not_be_read_is_quarantined_with_its_reason_and_the_rest_lands(listed, alice):
    bad = [alice.fill(100 + number, **changed) for number, (changed, _) in enumerate(UNREADABLE)]

    outcome = alice.take(alice.fill(1), *bad, alice.fill(3))

    assert [trade["trade_key"] for trade in rows_of(listed, "trades")] == ["1", "3"]
    assert (outcome.trades_added, outcome.quarantined) == (2, len(UNREADABLE))
    told = {row["seq"]: row for row in rows_of(listed, "quarantine")}
    for record, (changed, reason) in zip(bad, UNREADABLE, strict=True):
        row = told[record.seq]
        assert (row["reason"], row["target"], row["stream"], row["scope"]) == (reason, "trades", "fills", "XBTEUR")
        assert row["symbol"] == (None if reason == "not_understood" else "XBTEUR")
        assert row["amount_text"] == (None if reason == "not_understood" else changed.get("amount", "2"))
        assert row["payload"] == record.payload


def test_a_payload_that_is_no_json_is_quarantined_as_it_came(listed, alice):
    alice.take(alice.row(Stream.FILLS, "XBTEUR", {}, text="<html>"), alice.fill(1))

    (row,) = rows_of(listed, "quarantine")
    assert (row["reason"], row["payload"]) == ("payload: not JSON", "<html>")
    assert len(rows_of(listed, "trades")) == 1


def test_a_fee_of_nothing_needs_no_asset_and_a_rebate_is_negative(listed, alice):
    alice.take(
        alice.fill(1, fee="0", fee_code=None), alice.fill(2, fee=None, fee_code=None), alice.fill(3, fee="-0.25")
    )

    assert [trade["fee_amount"] for trade in rows_of(listed, "trades")] == [Decimal(0), None, Decimal("-0.25")]
    assert reasons(listed) == []


def test_a_record_lands_whole_or_not_at_all(tmp_path):
    parts = """
    SELECT connection_id, seq, (payload ->> '$.id') || ':' || part.key AS movement_key, NULL AS native_id,
        payload ->> '$.id' AS group_key, 'convert' AS kind, if(part.key = '0', 'disposed', 'received') AS "role",
        'XBT' AS asset_code, part.value ->> '$' AS amount, 'signed' AS direction,
        payload ->> '$.time' AS occurred_at, 'ms' AS occurred_at_unit, NULL AS wallet, NULL AS txid
    FROM raw, json_each(raw.payload, '$.parts') AS part
    """
    room = Room(
        exchange="toy",
        trades_sql=TOY.trades_sql,
        movements_sql=parts,
        balances_sql=TOY.balances_sql,
        aliases=TOY.aliases,
    )
    lake = open_lake(tmp_path / "lake", {"toy": room})
    feed = Feed(lake)
    time = str(int(START.timestamp() * 1000))

    outcome = feed.take(
        feed.row(Stream.CONVERTS, "all", {"id": "good", "parts": ["-1", "2"], "time": time}),
        feed.row(Stream.CONVERTS, "all", {"id": "bad", "parts": ["-1", "NaN"], "time": time}),
    )

    assert [row["movement_key"] for row in rows_of(lake, "movements")] == ["good:0", "good:1"]
    assert [row["role"] for row in rows_of(lake, "movements")] == ["disposed", "received"]
    assert (outcome.movements_added, outcome.quarantined) == (2, 1)


def test_one_key_twice_in_one_record_with_different_values_is_not_guessed_at(tmp_path):
    sql = TOY.movements_sql.replace("FROM raw", "FROM raw, (VALUES ('1'), ('2')) AS twice (n)").replace(
        "payload ->> '$.amount' AS amount", "twice.n AS amount"
    )
    room = Room(
        exchange="toy", trades_sql=TOY.trades_sql, movements_sql=sql, balances_sql=TOY.balances_sql, aliases=TOY.aliases
    )
    lake = open_lake(tmp_path / "lake", {"toy": room})
    feed = Feed(lake)

    feed.take(feed.movement(1))

    assert rows_of(lake, "movements") == []
    assert reasons(lake) == ["key: twice in one record, with different values"]


def test_a_record_that_rightly_gives_nothing_is_neither_landed_nor_quarantined(lake, alice):
    outcome = alice.take(alice.movement(1, kind="trade"), alice.movement(2))

    assert [row["movement_key"] for row in rows_of(lake, "movements")] == ["2"]
    assert outcome.quarantined == 0
    assert alice.normalize().movements_added == 0


def test_a_movement_gets_the_sign_of_its_direction(lake, alice):
    alice.take(
        alice.movement(1, amount="1.5", direction="in"),
        alice.movement(2, amount="1.5", direction="out"),
        alice.movement(3, amount="-1.5"),
        alice.movement(4, amount="-1.5", direction="out"),
        alice.movement(5, amount="15e-1", direction="out"),
    )

    amounts = [Decimal("1.5"), Decimal("-1.5"), Decimal("-1.5"), Decimal("-1.5")]
    assert [row["amount"] for row in rows_of(lake, "movements")] == amounts
    assert reasons(lake) == ["amount: negative"]


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


def test_nothing_new_commits_nothing_and_what_was_only_repeated_moves_the_watermark(lake, alice):
    alice.take(alice.fill(1))
    versions = lake._tables.versions()
    alice.normalize()
    assert lake._tables.versions() == versions

    alice.new_lease()
    alice.land(alice.fill(2))
    alice.new_lease()
    alice.land(alice.fill(2))
    before = lake.watermarks([alice.app_id])[alice.app_id]["trades"]
    assert alice.normalize().trades_added == 1
    after = lake.watermarks([alice.app_id])[alice.app_id]["trades"]
    assert (before >> 32, after >> 32) == (1, 3)


def test_a_connection_whose_lease_is_lost_is_dropped_and_the_others_go_on(lake, alice, bob):
    alice.land(alice.fill(1))
    bob.land(bob.fill(1))

    outcomes = lake.normalize([alice.job, bob.job], lambda: {bob.connection}, alice.fetched_at)

    assert (outcomes[alice.connection].lease_lost, outcomes[bob.connection].lease_lost) == (True, False)
    assert [trade["connection_id"] for trade in rows_of(lake, "trades")] == [bob.connection]
    assert alice.app_id not in {app for app, marks in lake.watermarks([alice.app_id]).items() if marks}
    assert alice.normalize().trades_added == 1


def test_all_connections_of_a_batch_are_committed_together(lake, alice, bob):
    alice.land(alice.fill(1), alice.fill(2))
    bob.land(bob.fill(1))
    version = lake._tables.stored("trades").version

    lake.normalize([alice.job, bob.job], lambda: {alice.connection, bob.connection}, alice.fetched_at)

    assert lake._tables.stored("trades").version == version + 1
    assert len(rows_of(lake, "trades")) == 3


@pytest.mark.parametrize("budget", [1, 2, 3, 100])
def test_small_commits_give_what_one_large_commit_gives(tmp_path, budget):
    lake = open_lake(tmp_path / "lake", {"toy": TOY}, records_per_commit=budget)
    feed, other = Feed(lake), Feed(lake, token=4)
    other.connection = "toy-cccccccc"
    rows = [feed.fill(1), feed.fill(2), feed.fill(1, amount="3"), feed.fill(3, amount="NaN"), feed.movement(1)]
    feed.land(*rows)
    other.land(other.fill(9), other.fill(8))

    outcomes = lake.normalize([feed.job, other.job], lambda: {feed.connection, other.connection}, other.fetched_at)

    assert (outcomes[feed.connection].trades_added, outcomes[feed.connection].amended) == (2, 1)
    assert (outcomes[feed.connection].quarantined, outcomes[feed.connection].movements_added) == (1, 1)
    assert outcomes[other.connection].trades_added == 2


def test_a_file_is_sorted_by_connection_and_time(lake, alice, bob):
    bob.land(bob.fill(2), bob.fill(1))
    alice.land(alice.fill(9), alice.fill(3))
    lake.normalize([alice.job, bob.job], lambda: {alice.connection, bob.connection}, alice.fetched_at)

    (file,) = lake._tables.stored("trades").files()
    found = duckdb.execute("SELECT connection_id, trade_key FROM read_parquet($1)", [file.path]).fetchall()
    assert found == [(alice.connection, "3"), (alice.connection, "9"), (bob.connection, "1"), (bob.connection, "2")]


def test_a_record_that_makes_a_rooms_sql_raise_is_quarantined_alone(tmp_path):
    sql = TOY.movements_sql.replace("'spot' AS wallet", "if(payload ->> '$.id' = '3', error('boom'), 'spot') AS wallet")
    room = Room(
        exchange="toy", trades_sql=TOY.trades_sql, movements_sql=sql, balances_sql=TOY.balances_sql, aliases=TOY.aliases
    )
    lake = open_lake(tmp_path / "lake", {"toy": room})
    feed = Feed(lake)

    feed.take(*(feed.movement(number) for number in range(6)))

    assert [row["movement_key"] for row in rows_of(lake, "movements")] == ["0", "1", "2", "4", "5"]
    assert reasons(lake) == ["not_understood"]
    assert json.loads(rows_of(lake, "quarantine")[0]["payload"])["id"] == "3"


def test_a_rooms_sql_that_names_what_is_not_there_is_our_fault_and_raises(tmp_path):
    room = Room(exchange="toy", trades_sql="SELECT nothing FROM raw", movements_sql="", balances_sql="", aliases=())
    lake = open_lake(tmp_path / "lake", {"toy": room})
    feed = Feed(lake)
    feed.land(feed.fill(1))

    with pytest.raises(duckdb.BinderException):
        feed.normalize()
    assert lake.watermarks([feed.app_id]) == {feed.app_id: {}}


def test_the_watermark_of_a_worker_that_was_overtaken_never_goes_back(tmp_path):
    """Both read the same watermark; the one that commits second meets the other's commit, reloads and has nothing to do."""
    lake = open_lake(tmp_path / "lake", {"toy": TOY})
    alice = Feed(lake)
    alice.land(alice.fill(1), alice.fill(2))
    quick = Feed(open_lake(tmp_path / "lake", {"toy": TOY}))
    overtaken = []

    def stall(label: str) -> None:
        if label == "normalise.before_commit" and not overtaken:
            overtaken.append(quick.normalize())

    slow = Feed(open_lake(tmp_path / "lake", {"toy": TOY}, reach=stall))
    outcome = slow.normalize()

    assert overtaken[0].trades_added == 2
    assert outcome.trades_added == 0
    assert len(rows_of(lake, "trades")) == 2


def test_a_worker_that_lost_its_lease_while_it_typed_commits_nothing(tmp_path):
    lake = open_lake(tmp_path / "lake", {"toy": TOY})
    alice = Feed(lake)
    alice.land(alice.fill(1))
    held = [{ALICE}, set()]
    quick = Feed(open_lake(tmp_path / "lake", {"toy": TOY}))

    def stall(label: str) -> None:
        if label == "normalise.before_commit" and held:
            quick.normalize()
            alice.new_lease()
            alice.land(alice.fill(5))

    slow = open_lake(tmp_path / "lake", {"toy": TOY}, reach=stall)
    outcomes = slow.normalize(
        [NormalizeJob(connection=ALICE, exchange="toy", app_id=alice.app_id)], lambda: held.pop(0), alice.fetched_at
    )

    assert outcomes[ALICE].lease_lost
    assert [trade["trade_key"] for trade in rows_of(lake, "trades")] == ["1"]


def test_codes_that_moved_are_those_of_balances_and_movements_after_a_number(listed, alice):
    alice.take(alice.movement(1, code="EUR"), alice.snapshot(XBT="1"))
    newest = max(row["seq"] for row in rows_of(listed, "raw_records"))
    alice.take(alice.movement(2, code="XBT"), alice.fill(1, fee_code="EUR"))

    assert listed.moved_asset_codes(ALICE, 0) == {"EUR", "XBT"}
    assert listed.moved_asset_codes(ALICE, newest) == {"XBT"}
    assert listed.seen_asset_codes(ALICE) == {"EUR", "XBT"}
