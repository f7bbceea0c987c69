"""What can't be read is quarantined with its reason, whole, and holds nothing else up."""

import json

import duckdb
import pytest

from metrifly_pipeline.domain.lake_rows import Room
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import START, TOY, Feed, reasons, rows_of, watermark

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
    assert [watermark(lake, feed.app_id, name) for name in ("trades", "movements", "balances")] == [None] * 3
