"""`metrifly capacity`: what exchanges allow, what is used of it, and whether sweeps come round in time."""

from collections import Counter
from datetime import timedelta

import pytest

from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.services.budgeting import BLOCKS_PER_CAPACITY
from tests.scenarios.commands import Commands
from tests.scenarios.homes import SEED

TRADES = 40


@pytest.fixture
def command(home, capsys):
    return Commands(home, capsys)


def taken(home, exchange, requests):
    """Weight by limit of these requests."""
    endpoints = {endpoint.method: endpoint for endpoint in home.product.gateway.spec(exchange).endpoints}
    counted = Counter()
    for method, times in requests.items():
        counted[endpoints[method].bucket] += endpoints[method].weight * times
    return counted


def of(report, exchange):
    return next(each for each in report if each["exchange"] == exchange)


def test_nothing_connected_is_told(home, command):
    home.start()

    assert "Nothing is connected yet" in command("metrifly capacity")
    assert command.json("metrifly capacity") == []


def test_load_and_room_are_what_was_asked_of_what_a_day_allows(home, command, exchange):
    account = generate(exchange, SEED, trades=TRADES, now_us=home.time.now_us)
    connection = home.start(account, scale=1.0).imported(account)
    home.time.turn(hours=25)

    synced = home.sync(connection)

    report = of(command.json("metrifly capacity"), exchange)
    asked = taken(home, exchange, synced.requests)
    used = Counter()
    for limit in report["limits"]:
        used[limit["limit"]] += limit["today"]
    # A process takes a block at a time, and the last one of the day before may not have been spent then.
    limits = home.product.gateway.spec(exchange).limits
    assert asked
    for limit, weight in asked.items():
        assert abs(used[limit] - weight) <= limits[limit].capacity // BLOCKS_PER_CAPACITY
    for limit in report["limits"]:
        assert limit["load"] == pytest.approx(max(limit["today"], limit["day_before"]) / limit["allowed_a_day"])
        assert limit["room_left"] == pytest.approx(limit["allowed_a_day"] - max(limit["today"], limit["day_before"]))
    assert report["connections"] == 1
    assert (report["sweep_days"] is None) == (exchange != "binance")
    assert ("Full sweep: none is needed" in command("metrifly capacity")) == (exchange != "binance")
    home.time.turn(hours=24)
    tomorrow = of(command.json("metrifly capacity"), exchange)["limits"]
    assert {(limit["limit"], limit["today"], limit["day_before"]) for limit in tomorrow} == {
        (limit["limit"], 0.0, limit["today"]) for limit in report["limits"]
    }


def test_sweeps_that_can_not_keep_up_are_told_with_the_way_out(imported, capsys, monkeypatch):
    it = imported("binance")
    command = Commands(it.home, capsys)
    assert of(command.json("metrifly capacity"), "binance")["keeps_up"]
    monkeypatch.setattr(it.home.product.capacity, "_local_scale", 1e-5)

    shown = command("metrifly capacity")

    assert "Sweeps can't keep up" in shown
    assert "METRIFLY_EGRESS_IPS" in shown


def test_a_ban_is_shown_until_it_ends(imported, capsys):
    it = imported("okx")
    command = Commands(it.home, capsys)
    it.home.time.turn(hours=25)
    it.home.sync(it.connection)
    gate = f"okx@{it.home.sandbox.base_url('okx').removeprefix('http://')}:address:local"
    ends = it.home.time.now + timedelta(minutes=5)
    it.home.product.control.pause_budget(gate, ends)

    by_address = [limit for limit in of(command.json("metrifly capacity"), "okx")["limits"] if limit["address"]]

    assert [limit for limit in by_address if limit["paused_until"]]
    assert f"{ends:%H:%M:%S} UTC" in command("metrifly capacity")
    it.home.time.turn(minutes=6)
    assert f"{ends:%H:%M:%S} UTC" not in command("metrifly capacity")
