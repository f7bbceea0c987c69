"""The bench measures what it says: the product and its floor both read every trade that is served, exactly."""

import pytest

from tests.bench.__main__ import EXCHANGES, compare

TRADES = 2_500
"""More than two pages of each exchange."""


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_both_sides_read_all_that_is_served(exchange):
    result = compare(exchange, TRADES, rounds=1)

    assert result.exact
    (floor,) = result.floor
    _, distinct, *_ = floor.sums  # it counts a row twice where a page begins with the last row of the one before
    assert distinct == str(TRADES)
