"""Where an exchange does not tell what a key may do, it is taken on its owner's word alone, and that is said."""

import pytest

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.services.connecting import KeyRefusedError, PowersUnverifiedError
from tests.scenarios.commands import Commands
from tests.scenarios.silent import keep_silent

NOTICE = "notice: The exchange does not tell what this key may do. Check at the exchange that the key can only read."


@pytest.fixture
def account(home):
    made = AccountBuilder("kraken").with_movement(amount="900").with_fill()
    home.start(made)
    return made


@pytest.fixture
def shell(home, account, capsys, tmp_path):
    """Commands on that home; `shell.key` is the file that holds the key."""
    made = Commands(home, capsys)
    made.key = tmp_path / "key.json"
    made.key.write_text(f'{{"api_key": "{account.key.api_key}", "secret": "{account.key.secret}"}}')
    made.connect = ["connect", "kraken", "--portfolio", "Main", "--credentials-file", str(made.key)]
    made.connect += ["--base-url", home.sandbox.base_url("kraken")]
    return made


def test_a_key_of_which_nothing_is_told_is_refused_naming_the_switch_and_taken_with_it(home, shell):
    keep_silent(home)
    before = home.control_rows()

    text = shell.told(*shell.connect, status=1)

    assert "Kraken does not tell what a key may do" in text
    assert "give the same command once more with --accept-unverified. Nothing was stored." in text
    assert home.control_rows()["connections"] == before["connections"] == []

    shown = shell.told(*shell.connect, "--accept-unverified")

    assert NOTICE in shown
    (view,) = shell.json("connections")
    assert [each["reason"] for each in view["attention"]] == [Reason.PERMISSIONS_NOT_VERIFIABLE]
    (report,) = home.work()
    assert report.succeeded
    assert Reason.PERMISSIONS_NOT_VERIFIABLE in home.standing(view["connection"])


def test_where_the_exchange_tells_the_switch_is_a_usage_error_that_says_why(home, shell, account):
    account.with_key(with_also="trade")

    for words in (shell.connect,):
        text = shell.told(*words, "--accept-unverified", status=2)
        assert "Kraken tells what a key may do, so there is nothing to accept unverified" in _unframed(text)
        assert "A key that can do more than read is refused." in _unframed(text)

    assert home.product.control.connections() == []
    assert sum(home.asked().values()) == 0
    assert "switched on: trading" in shell.told(*shell.connect, status=1)  # the control: without it the key is tried


def test_replacing_and_reconnecting_ask_for_the_same_word(home, shell, account):
    connection = home.imported(account)
    credentials = ["--credentials-file", str(shell.key)]
    for command in ("replace-key", "reconnect"):
        told = shell.told(
            command, connection, *credentials, "--accept-unverified", status=2 if command == "replace-key" else 1
        )
        assert ("nothing to accept unverified" in _unframed(told)) is (command == "replace-key")
    keep_silent(home)

    assert "--accept-unverified" in shell.told("replace-key", connection, *credentials, status=1)
    assert home.product.control.connection(connection).credential_version == 1
    assert NOTICE in shell.told("replace-key", connection, *credentials, "--accept-unverified")

    home.product.connecting.disconnect(connection)
    assert "--accept-unverified" in shell.told("reconnect", connection, *credentials, status=1)
    assert NOTICE in shell.told("reconnect", connection, *credentials, "--accept-unverified")


def test_no_word_helps_a_key_that_is_known_to_do_more_than_read(home, account):
    account.with_key(with_also="withdraw")
    for accepted in (False, True):
        with pytest.raises(KeyRefusedError, match="switched on: withdrawals"):
            home.connect(account, accept_unverified=accepted)


def test_an_exchange_that_tells_and_did_not_this_time_is_not_taken_at_anybodys_word(home, account):
    keep_silent(home, told=True)

    with pytest.raises(KeyRefusedError, match="did not tell what the key may do") as caught:
        home.connect(account, accept_unverified=True)

    assert caught.value.reason is Reason.UNEXPECTED_RESPONSE
    keep_silent(home)
    with pytest.raises(PowersUnverifiedError):
        home.connect(account)
    assert home.connect(account, accept_unverified=True).id


def _unframed(text):
    """What a usage error says, without the frame around it."""
    return " ".join(text.replace("│", " ").split())
