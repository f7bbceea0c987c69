"""reconnect, move and what comes before them, as a person types it."""

from datetime import UTC, datetime, timedelta

from metrifly_pipeline.settings import Settings


def test_a_disconnected_connection_keeps_its_trades_and_is_connected_again(bench):
    connection = bench.connect()
    bench("sync", connection, "--here")
    assert f"metrifly replace-key {connection}" in bench("reconnect", connection, status=1)

    shown = bench("disconnect", connection)

    assert "1 trade and" in shown
    assert f"  metrifly reconnect {connection}\n" in shown
    for command in ("sync", "disconnect", "test"):
        assert f"metrifly reconnect {connection}" in bench.told(command, connection, status=1)
    assert f"metrifly reconnect {connection}" in bench("exchange", "kraken")
    assert [view["trades"] for view in bench.json("connections")] == [1]
    bench.account.with_fill(market="BTC/USD", amount="0.25", at=datetime.now(UTC) - timedelta(hours=1))
    assert f"Reconnected {connection}; it goes on where it stopped" in bench("reconnect", connection)
    assert "added 1 trade" in bench("sync", connection, "--here")
    bench("disconnect", connection)
    assert "Reconnected" in bench("replace-key", connection)  # the other name people look for
    assert "already up to date" in bench("sync", connection, "--here")


def test_a_key_that_could_not_be_verified_asks_for_a_yes(bench):
    bench.account.account.uid = ""
    connection = bench.connect()

    assert "could not be verified" in bench.told("replace-key", connection, status=1)
    (question,) = bench.asked
    assert "could not be verified" in question
    assert question.endswith("Is it the same?")

    bench.answer = True
    assert "Replaced the key" in bench("replace-key", connection)
    assert len(bench.asked) == 2
    bench("disconnect", connection)
    assert "Reconnected" in bench("reconnect", connection, "--yes")
    assert len(bench.asked) == 2


def test_moving_a_connection_moves_its_positions_and_says_from_where_to_where(bench):
    connection = bench.connect()
    bench("sync", connection, "--here")
    bench("portfolio", "create", "Second")
    assert "already" in bench("move", connection, "--portfolio", "LONG term", status=1)
    assert "no portfolio" in bench("move", connection, "--portfolio", "Third", status=1)

    shown = bench.told("move", connection, "--portfolio", "second")

    assert f"Moved {connection} with 1 trade and" in shown
    assert "from portfolio Long term to Second" in shown
    bench._publish_here(Settings())
    positions = "SELECT DISTINCT name FROM positions JOIN portfolios USING (portfolio_id)"
    assert bench.json("query", positions) == [{"name": "Second"}]
    assert {item["name"]: item["connections"] for item in bench.json("portfolio", "list")} == {
        "Long term": 0,
        "Second": 1,
    }
