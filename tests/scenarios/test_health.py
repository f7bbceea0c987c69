"""`metrifly health`: each red line with its cause, its remedy and its green control."""

import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.domain.health import Automation
from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.status import SyncKind
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.homes import NOW
from tests.scenarios.looking import NAMES, Looking

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def it(imported):
    return imported("kraken")


@pytest.fixture
def published(it):
    it.home.publish()
    return it


@pytest.fixture
def look(it, capsys):
    return Looking(it.home, capsys)


@pytest.fixture
def empty(home, capsys):
    """A look at a home without connections."""
    return Looking(home.start(), capsys)


def measured(check):
    return {measure["name"]: measure["value"] for measure in check["measures"]}


def understood(text):
    """Whether each command in backticks is one that `metrifly` has, and there is one."""

    def refuse():
        raise RefusedError("understood")

    found = re.findall(r"`metrifly ([^`]+)`", text)
    return found and all(run(shlex.split(command), Doors(settings=refuse)) == 1 for command in found)


def test_all_is_well_with_status_0(published, look):
    assert look.red() == {}

    shown = look("metrifly health")

    assert [line.split()[1].rstrip(":") for line in shown.splitlines() if line.startswith("ok ")] == list(NAMES)
    assert "RED" not in shown


def test_a_home_where_nothing_ever_ran_is_red_and_says_how_to_begin(empty):
    empty.changed = {"beat_at": None, "schedule": Automation(), "sensor": Automation()}

    red = empty.red()

    assert set(red) == {"daemon", "schedule", "sensor"}
    assert all("`metrifly dev`" in check["remedy"] for check in red.values())


def before(**span):
    return NOW - timedelta(**span)


@pytest.mark.parametrize(
    ("name", "signs", "says"),
    [
        ("daemon", {"beat_at": before(seconds=91)}, "is down"),
        ("schedule", {"schedule": Automation(on=False, ticked_at=before(minutes=1))}, "turned off"),
        ("schedule", {"schedule": Automation(on=True, ticked_at=before(minutes=16))}, "16 minutes ago"),
        ("schedule", {"schedule": Automation(on=True, ticked_at=before(minutes=1), failed=True)}, "that tick failed"),
        ("sensor", {"sensor": Automation(on=False, ticked_at=before(seconds=5))}, "turned off"),
        ("sensor", {"sensor": Automation(on=True, ticked_at=before(minutes=4))}, "4 minutes ago"),
    ],
)
def test_dagster_that_stands_still_is_red(empty, name, signs, says):
    assert empty.red() == {}
    empty.changed = signs

    red = empty.red()

    assert set(red) == {name}
    assert says in red[name]["text"]
    shown = empty.told("metrifly health", status=1)
    assert f"RED {name}: " in shown
    assert says in shown
    assert red[name]["remedy"] in shown
    assert understood(red[name]["remedy"])


def test_a_storage_of_dagster_that_cannot_be_read_is_red_and_says_which(empty):
    empty.changed = {"unreadable": True}

    red = empty.red()

    assert set(red) == {"daemon", "schedule", "sensor"}
    assert "can't be read" in red["daemon"]["text"]
    assert "METRIFLY_DAGSTER_URL" in red["daemon"]["remedy"]
    assert understood(red["daemon"]["remedy"])


def test_a_connection_that_stays_due_is_red_when_it_will_miss_the_objective(it, look):
    due = it.home.live()[0].next_due_at
    it.home.time.now = due + timedelta(hours=2)
    assert "due" not in look.red()

    it.home.time.turn(minutes=1)

    red = look.red()["due"]
    assert it.connection in red["text"]
    assert measured(red) == {"connections_due": 1, "oldest_due_seconds": 7260}
    assert understood(red["remedy"])
    it.home.daily()
    assert "due" not in look.red()


def test_a_request_that_nobody_starts_is_red_unless_a_sync_runs_before_it(it, look):
    control = it.home.product.control
    it.home.product.requesting.file([it.connection])
    it.home.time.turn(minutes=10)
    assert look.red() == {}

    it.home.time.turn(minutes=1)

    red = look.red()["queue"]
    assert measured(red) == {"requests_waiting": 1, "oldest_request_seconds": 660}
    assert f"`metrifly sync {it.connection} --here`" in red["remedy"]
    assert understood(red["remedy"])
    lease = control.acquire_lease(it.connection, "a worker", it.home.time.now, timedelta(hours=6))
    assert "queue" not in look.red()
    control.release_lease(lease)
    assert "queue" in look.red()


def test_the_command_names_the_account_of_another_customer(home, capsys):
    account = AccountBuilder("kraken")
    home.start(account)
    made = home.connect(account, customer=home.customer("Ann Lee", Plan.PRO))
    look = Looking(home, capsys)
    home.time.turn(minutes=11)

    assert f"`metrifly sync {made.id} --here --account 'Ann Lee'`" in look.red()["queue"]["remedy"]
    assert "Ann" not in look("metrifly health --prometheus", status=1)


def test_a_batch_that_fell_to_a_dead_run_is_red_unless_somebody_works_on_it(it, look):
    control = it.home.product.control
    (request,) = it.home.product.requesting.file([it.connection])
    control.make_batch([it.connection], SyncKind.SYNC_NOW, [request.id], it.home.time.now)
    it.home.time.turn(minutes=10)
    assert look.red() == {}

    it.home.time.turn(minutes=1)

    assert measured(look.red()["batches"]) == {"unanswered_batches": 1, "dead_batches": 1}
    assert understood(look.red()["batches"]["remedy"])
    control.acquire_lease(it.connection, "a worker", it.home.time.now, timedelta(hours=6))
    assert "batches" not in look.red()


def test_a_lease_that_nobody_took_over_is_red(it, look):
    control = it.home.product.control
    lease = control.acquire_lease(it.connection, "a worker", it.home.time.now, timedelta(minutes=2))
    it.home.time.turn(minutes=12)
    assert look.red() == {}

    it.home.time.turn(minutes=1)

    red = look.red()
    assert set(red) == {"leases"}
    assert "0 held, 1 expired" in red["leases"]["text"]
    assert understood(red["leases"]["remedy"])
    control.release_lease(lease)
    assert look.red() == {}


def test_a_ban_is_red_and_a_short_pause_is_not(empty):
    look, control, now = empty, empty.home.product.control, empty.home.time.now
    gate = "okx@http://127.0.0.1:9:address:198.51.100.7"
    control.pause_budget(gate, now + timedelta(minutes=10))
    assert look.red() == {}

    control.pause_budget(gate, now + timedelta(minutes=30))

    red = look.red()["limits"]
    (measure,) = red["measures"]
    assert measure["value"] == 1800
    assert measure["labels"] == {"exchange": "okx", "limit": "address"}
    assert "okx for 30 minutes" in red["text"]
    assert understood(red["remedy"])
    assert "198.51.100.7" not in look("metrifly health --prometheus", status=1)


@pytest.mark.parametrize(("free", "red"), [(1_000_000_000, set()), (999_999_999, {"disk"})])
def test_a_disk_that_is_nearly_full_is_red(empty, monkeypatch, free, red):
    monkeypatch.setattr(empty.home.product.health, "_free_bytes", lambda: free)

    assert set(empty.red()) == red


def test_an_old_file_is_red_where_something_changed_since(published, it, look):
    it.home.time.turn(hours=27)
    assert "warehouse" not in look.red()

    it.home.product.control.create_portfolio(it.home.product.account, "Another", it.home.time.now)
    it.home.product.moving.move(it.connection, it.home.product.control.portfolios()[1].id)

    red = look.red()["warehouse"]
    assert measured(red) == {"warehouse_age_seconds": 27 * 3600}
    assert understood(red["remedy"])
    it.home.publish()
    assert "warehouse" not in look.red()


def test_a_file_that_was_never_made_is_red_after_a_day(it, look):
    assert look.red() == {}

    it.home.time.turn(hours=27)

    assert "Nothing has been published yet" in look.red()["warehouse"]["text"]
    it.home.publish()
    assert "warehouse" not in look.red()


def shown_by_the_file(home):
    """The answer of the SQL in README."""
    block = README.read_text(encoding="utf-8").split("-- Was everything checked in time?")[1]
    return home.query(block.partition("\n")[2].split(";")[0])[0]


def test_the_objective_is_the_share_that_was_checked_and_the_published_file_says_the_same(published, it, look):
    home = it.home
    assert shown_by_the_file(home) == {"expected": 1, "checked": 1, "share": 1.0}

    home.time.turn(hours=26)

    red = look.red()["objective"]
    assert measured(red) == {"connections_expected": 1, "connections_checked": 0, "checked_ratio": 0.0}
    assert understood(red["remedy"])
    home.publish()
    assert shown_by_the_file(home) == {"expected": 1, "checked": 0, "share": 0.0}
    home.sync(it.connection)
    assert "objective" not in look.red()


def test_what_waits_for_somebodys_action_is_not_expected_to_be_checked(published, it, look):
    home = it.home
    with home.sandbox.lock:
        it.account.keys.clear()
    home.time.turn(hours=27)
    assert "objective" in look.red()

    home.sync(it.connection)
    home.publish()

    assert "key_invalid" in home.standing(it.connection)
    assert "objective" not in look.red()
    assert shown_by_the_file(home)["expected"] == 0


def test_one_form_at_a_time(empty):
    assert "One form at a time" in empty.told("metrifly health --json --prometheus", status=1)
