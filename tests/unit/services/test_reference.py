"""Every name that a fill may call its market by resolves to that market, exactly, and to no other."""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import SEQ_PER_TOKEN, NormalizeJob, RawRow
from metrifly_pipeline.domain.records import Market
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.exchanges import catalog
from metrifly_pipeline.lake import open_lake
from metrifly_pipeline.services.turn import reference_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONNECTION = ConnectionId("kraken-aaaaaaaa")
KRAKEN, BINANCE = catalog.hooks("kraken").spec, catalog.hooks("binance").spec


def market(market_id, base, quote, *aliases, active=True):
    return Market(market_id=market_id, base=base, quote=quote, active=active, aliases=aliases)


BITCOIN = market("XXBTZUSD", "XXBT", "ZUSD", "XBTUSD", "XBT/USD")
UNSPLIT = market("XYZABC", "XYZ", "ABC", "XYZABC", "XYZ/ABC", "XABC")
"""Nothing but the list of markets says where its alias XABC is to be split."""


def names(rows):
    return {row.market_id: (row.base, row.quote, row.active) for row in rows}


def fill(number, pair):
    payload = {
        "_key": f"T{number}",
        "ordertxid": "O",
        "pair": pair,
        "time": f"{1_770_000_000 + number}.5",
        "type": "buy",
        "price": "2",
        "cost": "6",
        "fee": "0.01",
        "vol": "3",
        "margin": "0",
    }
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return RawRow(
        connection=CONNECTION,
        exchange="kraken",
        stream=Stream.FILLS,
        scope="all",
        seq=SEQ_PER_TOKEN + number,
        fetched_at=NOW,
        event_at=NOW,
        payload=text,
        payload_hash=hashlib.sha256(text.encode()).hexdigest(),
    )


@pytest.fixture
def normalized(tmp_path):
    """Lands these markets and fills that name these pairs; the trades' base and quote by pair."""

    def normalize(rows, *pairs):
        lake = open_lake(tmp_path / f"lake{len(rows)}", {"kraken": catalog.room("kraken")})
        lake.append_reference(rows)
        raw = [fill(number, pair) for number, pair in enumerate(pairs, start=1)]
        lake.append_raw(raw, {CONNECTION: 1}, {CONNECTION: "app"})
        lake.normalize(
            [NormalizeJob(connection=CONNECTION, exchange="kraken", app_id="app")], lambda: {CONNECTION}, NOW
        )
        lake.publish([], change_seq=1, published_at=NOW, stale_after=NOW)
        found = lake.query("SELECT market, base_code, quote_code FROM trades ORDER BY seq")[1]
        return {pair: (base, quote) for pair, base, quote in found}

    return normalize


def test_a_fill_that_names_its_pair_by_an_alias_has_the_pairs_own_base_and_quote(normalized):
    pairs = ("XXBTZUSD", "XBTUSD", "XBT/USD", "XYZABC", "XYZ/ABC", "XABC")

    found = normalized(reference_of(KRAKEN, [BITCOIN, UNSPLIT], NOW), *pairs)

    assert found == dict.fromkeys(pairs[:3], ("XXBT", "ZUSD")) | dict.fromkeys(pairs[3:], ("XYZ", "ABC"))


def test_without_the_aliases_the_same_fill_is_guessed_or_not_understood(normalized):
    """The control: what the aliases are for."""
    ids = [row for row in reference_of(KRAKEN, [BITCOIN, UNSPLIT], NOW) if row.market_id in {"XXBTZUSD", "XYZABC"}]

    found = normalized(ids, "XXBTZUSD", "XBTUSD", "XABC")

    assert found == {"XXBTZUSD": ("XXBT", "ZUSD"), "XBTUSD": ("XBT", "USD")}  # XABC is quarantined


def test_each_name_is_landed_once():
    rows = reference_of(KRAKEN, [BITCOIN, UNSPLIT], NOW)

    assert len(rows) == len(names(rows)) == 6


def test_an_id_goes_before_another_markets_alias():
    rows = reference_of(KRAKEN, [market("AB", "A", "B", "CD"), market("CD", "C", "D")], NOW)

    assert names(rows) == {"AB": ("A", "B", True), "CD": ("C", "D", True)}


def test_an_alias_of_two_different_markets_names_neither():
    rows = reference_of(KRAKEN, [market("1", "A", "B", "AB"), market("2", "C", "D", "AB")], NOW)

    assert names(rows).keys() == {"1", "2"}


def test_an_alias_of_two_markets_of_the_same_assets_names_both():
    rows = reference_of(KRAKEN, [market("1", "A", "B", "AB", active=False), market("2", "A", "B", "AB")], NOW)

    assert names(rows)["AB"] == ("A", "B", True)


def test_where_symbols_are_asked_one_by_one_no_alias_becomes_a_symbol():
    rows = reference_of(BINANCE, [market("BTCUSDT", "BTC", "USDT", "BTC-USDT")], NOW)

    assert names(rows).keys() == {"BTCUSDT"}
