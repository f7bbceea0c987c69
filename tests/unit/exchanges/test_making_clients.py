"""Clients of an exchange after the first are made at less cost, and are the same."""

from datetime import UTC, datetime

import pytest

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.exchanges import catalog, client


@pytest.mark.parametrize("exchange", ["kraken", "binance", "okx"])
def test_each_client_of_an_exchange_has_what_the_first_has(exchange):
    def made(name):
        return client.make_client(
            catalog.hooks(exchange),
            Credential(name, "c2VjcmV0", "pass"),
            base_url="http://127.0.0.1:1",
            clock=lambda: datetime(2026, 3, 1, tzinfo=UTC),
            timeout_seconds=1.0,
        )

    client.client_class.cache_clear()  # as in a new process, where no client was made yet
    first, second = made("key-1"), made("key-2")

    assert set(vars(second)) == set(vars(first))
    assert len(vars(second)) > 150
    for one in (first, second):
        assert one.fetchMyTrades == one.fetch_my_trades
    assert (first.apiKey, second.apiKey) == ("key-1", "key-2")
