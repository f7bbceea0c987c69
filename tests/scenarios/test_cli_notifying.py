"""`metrifly notify` as a person types it, and what a receiver gets from `metrifly sync --here`."""

import dataclasses
import re

import pytest

from tests.scenarios.homes import other
from tests.support.mailing import mail_server
from tests.support.receiving import is_signed, receiving


@pytest.fixture
def server():
    with receiving() as made:
        yield made


def change_secret(bench, secret):
    bench.account.account.keys[bench.key.api_key] = dataclasses.replace(bench.key, secret=secret)


def test_a_webhook_is_added_tried_listed_and_removed_and_its_secret_shown_once(bench, server):
    assert "Nobody is notified yet" in bench("notify", "list")
    made = bench("notify", "add", "webhook", f"{server.url}?token=planted")
    (secret,) = re.findall(r"^ *(whsec_\S+)$", made, flags=re.MULTILINE)
    (receiver,) = re.findall(r"metrifly notify test (nt-\w{8})", made)

    assert "The test arrived" in bench.told("notify", "test", receiver)
    ((headers, body),) = server.got
    assert is_signed(headers, body, secret)
    assert server.messages[0]["type"] == "test"

    assert receiver in bench("notify", "list")
    for said in (bench.printed, bench("notify", "list", "--json"), made):
        assert "planted" not in said
    assert secret not in bench("notify", "list", "--json") + bench("notify", "list") + bench("notify", "--help")
    assert "already" in bench.told("notify", "add", "webhook", f"{server.url}?token=planted", status=1)
    assert f"Removed {receiver}" in bench("notify", "remove", receiver)
    assert bench.json("notify", "list") == []
    assert "`metrifly notify list`" in bench.told("notify", "remove", receiver, status=1)


def test_a_test_that_does_not_arrive_says_why_and_what_to_type_then(bench, server):
    made = bench.json("notify", "add", "webhook", server.url)
    assert made["secret"].startswith("whsec_")
    server.answers = [418]

    said = bench.told("notify", "test", made["id"], status=1)

    assert "did not arrive: it answered with status 418" in said
    assert f"`metrifly notify test {made['id']}`" in said


def test_an_address_that_is_neither_tls_nor_here_is_refused(bench):
    assert "https addresses only" in bench.told("notify", "add", "webhook", "http://example.com/hook", status=1)
    assert "must not hold a name or password" in bench.told(
        "notify", "add", "webhook", "https://ann:word@example.com/", status=1
    )
    assert bench.json("notify", "list") == []


def test_sync_here_tells_and_answers_whatever_the_receiver_does(bench, server):
    connection = bench.connect()
    bench("notify", "add", "webhook", server.url)
    server.answers = [500]
    change_secret(bench, other(bench.key.secret))

    assert "can't: The secret does not belong" in bench.told("sync", connection, "--here", status=1)

    assert [message["type"] for message in server.taken()] == ["connection.needs_attention"]
    assert "status 500; it is tried again by itself" in bench.told("notify", "list")
    change_secret(bench, bench.key.secret)
    assert "cured" in bench("sync", connection, "--here")
    assert server.taken() == []  # it comes after the one that waits


def test_each_account_hears_of_its_own_connections_only(bench, server):
    connection = bench.connect()
    bench("account", "create", "ann")
    bench("notify", "add", "webhook", server.url, "--account", "ann")
    change_secret(bench, other(bench.key.secret))
    bench("sync", connection, "--here", status=1)
    assert server.got == []

    theirs = bench.json("notify", "list", "--account", "ann")[0]["id"]
    assert "No receiver of notifications is called" in bench.told("notify", "test", theirs, status=1)
    bench("notify", "test", theirs, "--account", "ann")
    assert [message["account"] for message in server.taken()] == ["ann"]


def test_an_address_is_told_by_mail_once_a_mail_server_is_set(bench, monkeypatch):
    refused = bench.told("notify", "add", "email", "ann@example.com", status=1)
    assert "No mail server is set" in refused
    assert "METRIFLY_SMTP_URL" in refused
    assert bench.json("notify", "list") == []
    with mail_server("robot", "planted-word") as server:
        monkeypatch.setenv("METRIFLY_SMTP_URL", server.url("robot:planted-word@"))
        monkeypatch.setenv("METRIFLY_SMTP_FROM", "metrifly@example.com")
        assert "no e-mail address" in bench.told("notify", "add", "email", "ann", status=1)
        said = bench("notify", "add", "email", "ann@example.com") + bench("notify", "list")
        (receiver,) = [each["id"] for each in bench.json("notify", "list")]
        said += bench("notify", "test", receiver)
        server.answers = ["451 try again"]
        said += bench("notify", "test", receiver, status=1)
        assert "the mail server answered with code 451" in " ".join(said.split())
        assert [mail["Subject"] for mail in server.mails] == ["Metrifly: a test"]
    assert "planted-word" not in said


def test_the_mail_of_a_change_names_connection_reason_and_command(bench, monkeypatch):
    connection = bench.connect()
    with mail_server() as server:
        monkeypatch.setenv("METRIFLY_SMTP_URL", server.url())
        monkeypatch.setenv("METRIFLY_SMTP_FROM", "metrifly@example.com")
        bench("notify", "add", "email", "ann@example.com")
        change_secret(bench, other(bench.key.secret))
        bench("sync", connection, "--here", status=1)
        change_secret(bench, bench.key.secret)
        bench("sync", connection, "--here")

        broken, cured = server.mails

    assert broken["Subject"] == f"Metrifly: {connection} needs attention"
    assert "Needs attention: The secret does not belong to this API key." in broken.get_content()
    assert f"`metrifly replace-key {connection}`" in broken.get_content()
    assert cured["Subject"] == f"Metrifly: {connection} is cured"
    assert "Cured: The secret does not belong to this API key." in cured.get_content()
    assert "up to date" in cured.get_content()
