"""Rows of the page's table of troubles: the text that a person sees is read, and the command that it names is pasted and helps."""

import dataclasses
import re
from datetime import timedelta

import pytest

from tests.scenarios.homes import other

ELSEWHERE = ("203.0.113.9",)
TROUBLES = {
    "key": ({"api_key": other}, {}, "does not know this API key"),
    "secret": ({"secret": other}, {}, "The secret does not belong to this API key"),
    "permissions": ({}, {"permissions": lambda given: given | {"withdraw"}}, "withdraw"),
    "passphrase": ({"passphrase": other}, {}, "The passphrase is wrong"),
    "IP": ({}, {"ip_allowlist": lambda _given: ELSEWHERE}, "address"),
}
"""What the page says to check: as typed, as set at the exchange, and what is said of it."""
CASES = [("okx" if what == "passphrase" else "kraken", what) for what in TROUBLES]
LATER = {
    "deleted": ({"api_key": other, "secret": other}, "replace-key", {"api_key": other, "secret": other}),
    "made anew": ({"secret": other}, "replace-key", {"secret": other}),
    "passphrase": ({"passphrase": other}, "replace-key", {"passphrase": other}),
    "expired": ({"expires_at_us": lambda _given: 1_000_000}, "replace-key", {}),
    "trading switched on": ({"permissions": lambda given: given | {"trade"}}, "replace-key", {}),
    "reading switched off": ({"permissions": lambda given: given - {"read_trades"}}, "sync", {}),
    "history hidden": ({"history_from_us": lambda _given: 1_700_000_000_000_000}, "sync", {}),
    "IP": ({"ip_allowlist": lambda _given: ELSEWHERE}, "sync", {}),
}
"""What happens to a key at the exchange, the command that the remedy names, and how the key that is good then differs from the old."""
LATER_CASES = [("okx" if what == "passphrase" else "kraken", what) for what in LATER]


def changed(key, changes):
    return dataclasses.replace(key, **{name: change(getattr(key, name)) for name, change in changes.items()})


def set_at_the_exchange(bench, key):
    bench.account.account.keys.clear()
    bench.account.account.keys[key.api_key] = key


def named(text, verb):
    """The command with that verb which a text names in backticks; with the words around it, for the message of a failure."""
    commands = re.findall(rf"`(metrifly {verb}[^`]*)`", " ".join(text.split()))
    assert commands, text
    return commands[0]


@pytest.mark.parametrize(("bench", "what"), CASES, indirect=["bench"])
def test_where_the_connection_test_fails_it_says_what_to_check_and_then_the_same_command_works(bench, what):
    typed, at_the_exchange, said = TROUBLES[what]
    good = bench.key
    bench("portfolio", "create", "main")
    where = ("--base-url", bench.sandbox.base_url(bench.exchange))
    set_at_the_exchange(bench, changed(good, at_the_exchange))
    bench.key = changed(good, typed)

    assert said in bench.told("test", bench.exchange, *where, status=1)
    refusal = bench.told("connect", bench.exchange, "--portfolio", "main", *where, status=1)

    assert said in refusal
    assert bench.json("connections") == []
    again = named(refusal, "connect")
    set_at_the_exchange(bench, good)
    bench.key = good
    assert bench("test", bench.exchange, *where)
    bench(*again.split()[1:], "--portfolio", "main", *where)
    assert len(bench.json("connections")) == 1


def test_where_trades_do_not_appear_the_listing_shows_which_portfolio_they_flow_into_and_sync_now_brings_them(bench):
    connection = bench.connect()
    bench("portfolio", "create", "Main")
    (before,) = bench.json("connections")
    assert (before["portfolio"], before["trades"]) == ("Long term", 0)

    bench("move", connection, "--portfolio", "Main")
    page = bench("exchange", "kraken")
    sync = re.search(rf"metrifly sync {connection}", page)
    assert sync, page
    assert "added 1 trade" in bench(*sync.group().split()[1:], "--here")

    (after,) = bench.json("connections")
    assert (after["portfolio"], after["trades"]) == ("Main", 1)


@pytest.mark.parametrize(("bench", "what"), LATER_CASES, indirect=["bench"])
def test_where_a_connection_needs_attention_the_command_beside_the_reason_mends_it(bench, what):
    happens, verb, differs = LATER[what]
    connection = bench.connect()
    bench("sync", "--all", "--here")
    good = bench.key
    set_at_the_exchange(bench, changed(good, happens))
    bench.later = timedelta(days=1)  # the exchange is asked once a day what a key may do
    bench("sync", connection, "--here", status=1)
    (view,) = bench.json("connections")
    assert view["status"] == "needs_attention"

    mend = named(bench("connections"), verb)
    bench.key = changed(good, differs)
    set_at_the_exchange(bench, bench.key)
    bench(*mend.split()[1:], *(["--here"] if verb == "sync" else []))

    assert ("cured" in bench.printed) is (verb == "sync")
    assert ("cured" in bench("sync", connection, "--here")) is (verb == "replace-key")
    (view,) = bench.json("connections")
    assert view["status"] == "up_to_date"


def test_a_connection_that_was_disconnected_names_the_command_that_reconnects_it(bench):
    connection = bench.connect()
    bench("sync", "--all", "--here")
    bench("disconnect", connection)

    again = named(bench("sync", connection, status=1), "reconnect")
    bench(again)

    assert "already up to date" in bench("sync", connection, "--here")
