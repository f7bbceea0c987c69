"""`metrifly account` and `--account`: customers, their plans, and what each of them sees."""

import pytest

from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.settings import Settings


@pytest.mark.parametrize("chosen", ["by the environment", "by option"])
def test_another_account_sees_nothing_of_a_connection(bench, monkeypatch, chosen):
    connection = bench.connect()
    bench("account", "create", "Ann & Bob")
    option = ["--account", "ann & bob"] if chosen == "by option" else []
    if not option:
        monkeypatch.setenv("METRIFLY_ACCOUNT", "Ann & Bob")

    for listing in (["connections"], ["reconcile"], ["portfolio", "list"]):
        assert bench.json(*listing, *option) == []
    assert connection not in bench("exchange", "kraken", *option)
    for command in ("sync", "disconnect", "rebuild", "reconnect", "replace-key", "test"):
        shown = bench.told(command, connection, *option, status=1)
        assert f"No connection is called {connection} in the account Ann & Bob. There is none yet" in shown
        assert "--account NAME" in shown
    assert "No connection is called" in bench("move", connection, "--portfolio", "Long term", *option, status=1)
    assert "no portfolio" in bench("connect", "kraken", "--portfolio", "Long term", *option, status=1)
    monkeypatch.delenv("METRIFLY_ACCOUNT", raising=False)
    assert len(bench.json("connections")) == 1


def test_what_comes_next_is_said_for_the_account_that_was_typed(bench):
    made = bench("account", "create", "Ann & Bob")
    assert """metrifly portfolio create "Long term" --account 'Ann & Bob'\n""" in made
    option = ["--account", "Ann & Bob"]
    assert "--account 'Ann & Bob'\n" in bench("portfolio", "create", "Hers", *option)
    url = bench.sandbox.base_url("kraken")

    shown = bench("connect", "kraken", "--portfolio", "Hers", "--base-url", url, *option)

    assert "--here --account 'Ann & Bob'\n" in shown
    (view,) = bench.json("connections", *option)
    assert "added 1 trade" in bench("sync", view["connection"], "--here", *option)
    assert bench.json("connections") == []
    assert "linked in another Metrifly account." in bench(
        "connect",
        "kraken",
        "--portfolio",
        bench.json("portfolio", "create", "Mine")["name"],
        "--base-url",
        url,
        status=1,
    )


def test_every_remedy_goes_on_for_the_account_that_was_typed(bench, monkeypatch):
    bench("account", "create", "ann")
    bench("portfolio", "create", "Hers", "--account", "ann")
    url = bench.sandbox.base_url("kraken")
    connect = ["connect", "kraken", "--portfolio", "Hers", "--base-url", url, "--account", "ann"]
    connection = bench.json(*connect)["connection"]
    again = f"`metrifly replace-key {connection} --account ann`"

    assert again in bench.told(*connect, status=1)
    assert f"`metrifly sync {connection} --here --account ann`" in bench.told(
        "sync", connection, "--account", "ann", status=1
    )
    assert "`metrifly dev`" in bench.told("sync", connection, "--account", "ann", status=1)
    bench.account.account.keys.clear()
    assert again in bench.told("sync", connection, "--here", "--account", "ann", status=1)
    assert again in bench.told("connections", "--account", "ann")
    monkeypatch.setattr("metrifly_pipeline.domain.plans._LIMITS", {Plan.STARTER: 1, Plan.STANDARD: 9, Plan.PRO: None})
    full = bench.told(*connect, status=1)
    assert "`metrifly disconnect CONNECTION --account ann`" in full
    assert "`metrifly account plan ann standard`" in full  # which acts for no account
    assert f"metrifly sync {connection} --account ann\n" in bench("exchange", "kraken", "--account", "ann")
    bench("disconnect", connection, "--account", "ann")
    assert f"`metrifly reconnect {connection} --account ann`" in bench.told(
        "disconnect", connection, "--account", "ann", status=1
    )


def test_an_account_that_was_not_created_is_refused_and_told_how_to_make_it(bench, monkeypatch):
    for command in (["connections"], ["portfolio", "create", "p"]):
        assert "`metrifly account create bob`" in bench.told(*command, "--account", "bob", status=1)
    monkeypatch.setenv("METRIFLY_ACCOUNT", "bob")
    assert "`metrifly account create bob`" in bench.told("connections", status=1)
    assert bench.json("account", "list") == []

    bench("account", "create", "bob")  # not held up by the setting that names it already

    assert bench.json("connections") == []
    assert "'BOB' already" in bench("account", "create", "BOB", status=1)


def test_accounts_and_plans_are_listed_with_what_counts(bench):
    assert "There is no account yet" in bench("account", "list")
    assert bench.json("account", "plans") == [
        {"plan": "starter", "linked_exchanges": 3},
        {"plan": "standard", "linked_exchanges": 10},
        {"plan": "pro", "linked_exchanges": None},
    ]
    assert "unlimited" in bench("account", "plans")
    bench("account", "create", "ann")
    bench.connect()
    assert "up to 10 linked exchanges; 0 are linked" in bench("account", "plan", "ann", "standard")

    rows = {row["account"]: row for row in bench.json("account", "list")}

    shown = {name: [row[field] for field in ("plan", "linked", "limit", "portfolios")] for name, row in rows.items()}
    assert shown == {"ann": ["standard", 0, 10, 0], "default": ["pro", 1, None, 1]}
    assert "0 of 10" in bench("account", "list")
    assert bench.json("account", "plan", "default", "starter")["limit"] == 3
    bench("account", "plan", "ann", "gold", status=2)


def test_a_full_plan_is_told_before_a_key_is_asked_for_and_a_smaller_one_keeps_syncing(bench, monkeypatch):
    connection = bench.connect()
    monkeypatch.setattr("metrifly_pipeline.domain.plans._LIMITS", {Plan.STARTER: 0, Plan.STANDARD: 1, Plan.PRO: None})
    asked = sum(bench.sandbox.requests.values())

    changed = bench.told("account", "plan", "default", "Starter")

    assert "up to 0 linked exchanges; 1 are linked. They all keep syncing" in changed
    assert "They all keep syncing" in bench.told("account", "list")
    bench.asks = False
    again = ["connect", "kraken", "--portfolio", "Long term", "--base-url", bench.sandbox.base_url("kraken")]
    assert "`metrifly account plan default pro`" in bench.told(*again, status=1)
    assert sum(bench.sandbox.requests.values()) == asked
    assert "added 1 trade" in bench("sync", connection, "--here")
    bench("disconnect", connection)
    for command in ("reconnect", "replace-key"):
        assert "allows 0 linked exchanges" in bench(command, connection, status=1)


def test_an_empty_setting_means_the_default_account(bench, monkeypatch):
    connection = bench.connect()
    monkeypatch.setenv("METRIFLY_ACCOUNT", "")

    assert [view["connection"] for view in bench.json("connections")] == [connection]


def test_what_acts_for_no_account_is_not_held_up_by_a_setting_that_names_an_unknown_one(bench, monkeypatch):
    connection = bench.connect()
    monkeypatch.setenv("METRIFLY_ACCOUNT", "bob")

    assert "metrifly exchange kraken" in bench("exchanges", "krak")
    bench._sleep(1.0)  # what the daemon does: it syncs for every account
    bench._publish_here(Settings())
    assert bench.json("query", "SELECT connection_id FROM trades") == [{"connection_id": connection}]


ACTING = "connect connections disconnect exchange move quarantine rebuild reconcile reconnect replace-key sync test"


@pytest.mark.parametrize("command", [*ACTING.split(), "portfolio create", "portfolio list"])
def test_every_command_that_works_on_an_account_takes_it_as_an_option(bench, command):
    assert "--account NAME" in bench(*command.split(), "--help")
