"""Every command that a remedy, the README or the page on operations names is one that `metrifly` understands."""

import re
import shlex
from pathlib import Path

import pytest

from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.reasons import Reason, remedy_for, remedy_of_new_key
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.settings import Settings

_ROOT = Path(__file__).parents[2]
PAGES = (_ROOT / "README.md", _ROOT / "docs" / "operations.md")
UNDERSTOOD = 1
"""The status of a command that was parsed and then met doors that refuse; a command that can't be parsed has 2."""


def refuse():
    raise RefusedError("understood")


def status(command):
    words = shlex.split(command, comments=True)[1:]
    if words[0] == "connect" and "--portfolio" not in words:
        words += ["--portfolio", "as before"]  # named as "again": with what was typed before
    return run(words, Doors(settings=refuse))


def in_backticks(text):
    return re.findall(r"`(metrifly [^`]+)`", text)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("connection", [None, ConnectionId("kraken-a1b2c3d4")])
@pytest.mark.parametrize("remedy", [remedy_for, remedy_of_new_key])
def test_every_command_in_a_remedy_is_understood(reason, connection, remedy, capsys):
    for command in in_backticks(remedy(reason, "kraken", connection)):
        assert status(command) == UNDERSTOOD, command
        assert capsys.readouterr().err == "understood\n"


def test_the_remedies_name_commands_at_all():
    assert in_backticks(remedy_for(Reason.KEY_INVALID, "kraken", None))


def test_a_command_that_does_not_exist_is_noticed(capsys):
    assert status("metrifly replace-keys kraken-a1b2c3d4") == 2
    assert capsys.readouterr().err


def commands_of_pages():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        yield from re.findall(r"^metrifly .*$", text, flags=re.MULTILINE)
        yield from (command for command in in_backticks(text) if len(command.split()) > 2)


@pytest.mark.parametrize("command", list(commands_of_pages()))
def test_every_command_in_the_pages_is_understood(command):
    assert status(command) == UNDERSTOOD


def test_a_home_of_its_own_is_not_made_by_asking_for_help(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert run(["sync", "--help"], Doors(settings=Settings)) == 0

    assert list(tmp_path.iterdir()) == []
