"""A list of markets is the same for every key: a run over many connections of an exchange asks for it once."""

import pytest

from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.conftest import EXCHANGES

LISTS = {
    "kraken": "GET /0/public/AssetPairs",
    "binance": "GET /api/v3/exchangeInfo",
    "okx": "GET /api/v5/public/instruments",
}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_connections_of_one_exchange_share_its_list_of_markets_and_each_day_it_is_asked_anew(home, exchange):
    accounts = [AccountBuilder(exchange, seed=seed).with_movement(amount="1000") for seed in (1, 2, 3)]
    home.start(*accounts)
    for account in accounts:
        home.connect(account)
    home.work()
    home.asked()

    asked = []
    for _day in range(2):
        home.time.turn(days=1)
        home.sync()
        asked.append(home.asked()[LISTS[exchange]])

    assert asked == [1, 1]
