"""What a person knows and lets stand: acknowledged it is listed with its note everywhere, and it comes back with other facts."""

import re

import pytest

from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Status
from metrifly_pipeline.sandbox.faults import FaultKind
from tests.scenarios.commands import Commands
from tests.scenarios.homes import other

NOTE = "older years are in the tax file"
LIMITED = "history_limited"


@pytest.fixture
def it(imported):
    return imported("okx")


@pytest.fixture
def metrifly(it, capsys):
    return Commands(it.home, capsys)


def one_line(text):
    return " ".join(text.split())


def history_passes(it):
    board = it.home.product.listing.dashboard(it.home.product.listing.views(counts={}))
    return {verdict.family.value: verdict.passed for verdict in board.verdicts}["history_complete"]


def attention_row(it):
    (row,) = it.home.query(
        f"SELECT level, note, acknowledged_by, acknowledged_at FROM attention WHERE reason = '{LIMITED}'"  # noqa: S608
    )
    return row


def test_an_acknowledged_notice_stays_listed_with_its_note_and_shows_nowhere_as_what_stands_first(it, metrifly):
    it.home.publish()
    assert it.home.published(it.connection)["reason"] == LIMITED
    assert attention_row(it)["acknowledged_at"] is None
    assert not history_passes(it)

    said = one_line(metrifly(f"metrifly acknowledge {it.connection} {LIMITED} --note '{NOTE}'"))

    assert f"Acknowledged {LIMITED} on {it.connection}." in said
    listed = one_line(metrifly("metrifly connections"))
    assert re.search(rf"acknowledged on 2026-03-01: The exchange no longer shows .* Note: {NOTE}", listed)
    assert "notice:" not in listed
    (view,) = metrifly.json("metrifly connections")
    (shown,) = [row for row in view["attention"] if row["reason"] == LIMITED]
    assert shown["acknowledged"] == {"at": it.home.time.now.isoformat(), "by": "default", "note": NOTE}
    it.home.publish()
    assert it.home.published(it.connection)["reason"] != LIMITED
    assert attention_row(it) == {
        "level": "notice",
        "note": NOTE,
        "acknowledged_by": "default",
        "acknowledged_at": it.home.time.now,
    }
    assert history_passes(it)


def test_it_holds_through_syncs_good_and_bad_and_never_hides_an_action(it, metrifly):
    metrifly(f"metrifly acknowledge {it.connection} {LIMITED} --note '{NOTE}'")
    it.home.time.turn(days=1)
    it.home.daily()
    it.home.fault("okx", FaultKind.STATUS_503, times=10**9)
    it.home.time.turn(days=1)
    it.home.daily()
    it.home.mend()
    assert it.home.standing(it.connection)[LIMITED].acknowledged.note == NOTE

    it.home.change_key(it.account, secret=other(it.key.secret))
    it.home.sync(it.connection)

    assert it.home.view(it.connection).status is Status.NEEDS_ATTENTION
    assert it.home.view(it.connection).worst(it.home.time.now).reason is Reason.SECRET_WRONG
    listed = one_line(metrifly("metrifly connections"))
    assert listed.index("needs attention:") < listed.index("acknowledged on")


def test_taken_back_or_with_other_facts_it_is_a_notice_again(it, metrifly):
    metrifly(f"metrifly acknowledge {it.connection} {LIMITED} --note '{NOTE}'")

    said = metrifly(f"metrifly acknowledge {it.connection} history-limited --undo")

    assert f"{LIMITED} on {it.connection} stands as a notice again." in one_line(said)
    assert "notice: The exchange no longer shows" in one_line(metrifly("metrifly connections"))
    assert "is not acknowledged" in metrifly(f"metrifly acknowledge {it.connection} {LIMITED} --undo", status=1)
    metrifly(f"metrifly acknowledge {it.connection} {LIMITED} --note '{NOTE}'")
    changed = [Finding(reason=Reason.HISTORY_LIMITED, detail="nothing before yesterday")]
    it.home.product.control.replace_findings(it.connection, "sync", changed, it.home.time.now)
    assert "notice: The exchange no longer shows" in one_line(metrifly("metrifly connections"))


def test_what_needs_somebody_is_refused_with_the_remedy(it, metrifly):
    it.home.change_key(it.account, secret=other(it.key.secret))
    it.home.sync(it.connection)

    refused = one_line(metrifly(f"metrifly acknowledge {it.connection} secret_wrong --note '{NOTE}'", status=1))

    assert "secret_wrong can't be acknowledged" in refused
    assert f"`metrifly replace-key {it.connection}`" in refused


def test_a_connection_that_was_not_synced_for_long_is_refused_with_the_remedy(it, metrifly):
    it.home.time.turn(days=3)
    assert "stale" in [row["reason"] for row in metrifly.json("metrifly connections")[0]["attention"]]

    refused = one_line(metrifly(f"metrifly acknowledge {it.connection} stale --note '{NOTE}'", status=1))

    assert "stale can't be acknowledged" in refused
    assert f"`metrifly sync {it.connection}`" in refused


@pytest.mark.parametrize(
    ("rest", "status", "said"),
    [
        (
            f"no_such_reason --note '{NOTE}'",
            1,
            "There is no reason called no_such_reason. Notices there: history_limited.",
        ),
        (f"coverage_gap --note '{NOTE}'", 1, "coverage_gap does not stand on"),
        (f"{LIMITED} --note ' '", 1, "A note is needed"),
        (f"{LIMITED} --note '{'x' * 501}'", 1, "at most 500"),
        (LIMITED, 2, "--note"),
        (f"{LIMITED} --note a --undo", 2, "--undo"),
    ],
)
def test_what_can_not_be_acknowledged_says_why_and_stores_nothing(it, metrifly, rest, status, said):
    before = it.home.control_rows()

    assert said in one_line(metrifly(f"metrifly acknowledge {it.connection} {rest}", status=status))

    assert it.home.control_rows() == before
    metrifly(f"metrifly acknowledge {it.connection} {LIMITED} --note '{NOTE}'")  # the control: this is stored
    assert it.home.control_rows() != before
