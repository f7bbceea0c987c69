"""Which symbols Binance is asked for: those that an exchange account's assets make likely, and never an unlikely flood."""

from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.domain.records import Market
from metrifly_pipeline.exchanges.binance.discovery import HUBS, candidate_symbols

QUOTES = ("USDT", "BTC", "ETH", "BNB", "EUR")
COINS = ("SOL", "XRP", "LDO", "DOGE")


def market(base, quote, *, active=True):
    return Market(market_id=base + quote, base=base, quote=quote, active=active)


LISTED = [market(coin, quote) for coin in COINS for quote in QUOTES]
LISTED += [
    market("BTC", "USDT"),
    market("ETH", "BTC"),
    market("BNB", "BTC"),
    market("EUR", "USDT"),
    market("BTC", "EUR"),
]


def test_symbols_of_which_both_sides_were_seen_come_first():
    found = candidate_symbols({"SOL", "USDT", "BNB"}, LISTED)

    assert set(found[:2]) == {"SOLUSDT", "SOLBNB"}


def test_nothing_seen_means_nothing_to_ask():
    assert candidate_symbols(set(), LISTED) == []
    assert candidate_symbols({"NEVERLISTED"}, LISTED) == []


def test_a_quote_that_was_swapped_away_whole_is_found():
    """EUR came in, all of it became USDT, all of that became SOL."""
    found = candidate_symbols({"EUR", "SOL"}, LISTED)

    assert {"EURUSDT", "SOLUSDT"} <= set(found)


def test_a_coin_swapped_away_whole_is_found_once_one_of_its_trades_is():
    """USDT bought DOGE, all of which was sold for BTC: the sweep meets DOGEUSDT, then DOGEBTC is asked."""
    many = LISTED + [market(f"X{n}", "USDT") for n in range(HUBS + 1)]

    assert "DOGEBTC" not in candidate_symbols({"USDT", "BTC"}, many)
    assert "DOGEBTC" in candidate_symbols({"USDT", "BTC", "DOGE"}, many)


def test_a_seen_quote_alone_does_not_ask_for_every_coin():
    coins = [market(f"X{n}", "USDT") for n in range(500)]

    assert candidate_symbols({"USDT"}, [*LISTED, *coins]) == ["BTCUSDT", "EURUSDT"]


def test_delisted_symbols_are_asked_too_after_the_listed():
    found = candidate_symbols({"SOL", "BUSD", "USDT"}, [*LISTED, market("SOL", "BUSD", active=False)])

    assert found.index("SOLUSDT") < found.index("SOLBUSD")


def test_what_is_lent_in_earn_counts_as_its_coin_and_ldo_stays_itself():
    assert "SOLUSDT" in candidate_symbols({"LDSOL", "USDT"}, LISTED)
    assert candidate_symbols({"LDO"}, LISTED)[0].startswith("LDO")


CODES = st.sampled_from([*QUOTES, *COINS, "LDSOL", "GONE"])


@given(st.sets(CODES), st.lists(st.tuples(CODES, CODES, st.booleans()), max_size=30))
def test_every_symbol_named_has_a_seen_side_and_both_sides_seen_are_always_named(codes, pairs):
    markets = [market(base, quote, active=active) for base, quote, active in pairs]

    found = candidate_symbols(codes, markets)

    assert len(found) == len(set(found))
    by_id = {item.market_id: item for item in markets}
    seen = codes | ({"SOL"} if "LDSOL" in codes else set())
    assert all({by_id[name].base, by_id[name].quote} & seen for name in found)
    assert {item.market_id for item in markets if {item.base, item.quote} <= codes - {"LDSOL"}} <= set(found)


@given(st.sets(CODES), st.sets(CODES))
def test_more_assets_never_mean_fewer_symbols(codes, more):
    assert set(candidate_symbols(codes, LISTED)) <= set(candidate_symbols(codes | more, LISTED))
