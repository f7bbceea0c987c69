"""How commands fail: a sentence, a status, no traceback, and never a secret."""

import pytest

from metrifly_pipeline.cli.apology import traced
from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.cli.render import Col, wide_table
from metrifly_pipeline.domain.trouble import RefusedError

PLANTED = "PLANTED-secret-5b1f"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in ("METRIFLY_DATABASE_URL", "METRIFLY_MASTER_KEY", "METRIFLY_DAILY_WINDOW_HOURS", "METRIFLY_LIMIT_SCALE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("METRIFLY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def doors_that(error):
    def open_product(_settings):
        raise error

    return Doors(open_product=open_product)


def test_trouble_that_a_person_can_mend_is_one_sentence_on_standard_error_and_status_1(capsys):
    status = run(["connections"], doors_that(RefusedError("The cellar is flooded. Pump it out.")))

    out, err = capsys.readouterr()
    assert (status, out, err) == (1, "", "The cellar is flooded. Pump it out.\n")


@pytest.mark.parametrize(
    "arguments",
    [["sync"], ["sync", "--all", "kraken-aaaaaaaa"], ["connect", "kraken"], ["no-such-command"], ["query"], ["test"]],
)
def test_wrong_usage_is_status_2(arguments, capsys):
    assert run(arguments, doors_that(RefusedError("not reached"))) == 2
    assert "not reached" not in capsys.readouterr().err


def test_a_secret_can_not_be_given_as_an_argument(capsys):
    for option in ("--secret", "--api-key", "--passphrase"):
        assert run(["connect", "kraken", "--portfolio", "p", option, PLANTED], doors_that(RefusedError(""))) == 2
        assert PLANTED not in "".join(capsys.readouterr())


def test_help_is_status_0_and_names_every_command(capsys):
    assert run(["--help"]) == 0

    shown = capsys.readouterr().out
    commands = "demo dev exchanges exchange portfolio test connect connections sync reconcile quarantine query"
    for command in [
        *commands.split(),
        "replace-key",
        "reconnect",
        "move",
        "acknowledge",
        "notify",
        "disconnect",
        "rebuild",
        "account",
        "sandbox",
        "record",
        "import",
        "capacity",
    ]:
        assert f"\n  {command} " in shown
    assert "..." not in shown.split("Commands:")[1]


def test_an_unusable_setting_is_named_without_its_value(monkeypatch, capsys):
    monkeypatch.setenv("METRIFLY_DAILY_WINDOW_HOURS", PLANTED)

    assert run(["connections"], Doors()) == 1

    err = capsys.readouterr().err
    assert "METRIFLY_DAILY_WINDOW_HOURS" in err
    assert PLANTED not in err
    assert "Traceback" not in err


def test_an_error_of_ours_is_a_short_apology_and_its_traceback_lies_in_the_logs(home, capsys):
    status = run(["connections"], doors_that(KeyError(PLANTED)))

    out, err = capsys.readouterr()
    (log,) = (home / "logs").iterdir()
    assert status == 1
    assert "Traceback" not in out + err
    assert str(log).replace("\n", "") in err.replace("\n", "")
    assert "KeyError" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_what_a_library_says_in_its_error_is_not_written_down():
    error = OSError(PLANTED)
    error.__cause__ = ValueError(PLANTED)

    text = traced(error)

    assert PLANTED not in text
    assert text.index("builtins.ValueError") < text.index("builtins.OSError")


def test_an_interrupt_is_status_130(capsys):
    assert run(["connections"], doors_that(KeyboardInterrupt())) == 130
    assert "Traceback" not in "".join(capsys.readouterr())


def test_json_stays_json_when_a_command_fails(capsys):
    run(["connections", "--json"], doors_that(RefusedError("no")))

    assert capsys.readouterr().out == ""


def test_a_home_that_can_not_be_made_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("METRIFLY_HOME", str(tmp_path / "file"))

    assert run(["connections"]) == 1

    assert capsys.readouterr().err == f"{tmp_path / 'file'}: file exists.\n"


def test_an_answer_of_any_length_is_one_line_a_row_with_every_digit(capsys):
    rows = [["kraken-aaaaaaaa" * 20, "0.000000000000000001"], ["b", "12"]]

    wide_table([Col("name"), Col("amount", right=True)], rows)

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].endswith("  0.000000000000000001")
    assert lines[2].endswith(" 12")
    assert len(lines[1]) == len(lines[2]) > 300
