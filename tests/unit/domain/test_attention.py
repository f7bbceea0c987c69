"""The table of reasons is complete, and every text helps."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from typer.main import get_command

from metrifly_pipeline.cli.main import app
from metrifly_pipeline.domain.attention import GRACE, MISMATCH_GRACE, Attention
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.reasons import MEANING, Level, Reason, remedy_for

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = ConnectionId("kraken-abcd1234")


def standing(reason, age):
    return Attention(connection=HERE, reason=reason, since=NOW - age)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_meaning_a_title_and_a_remedy_without_gaps(reason):
    meaning = MEANING[reason]

    assert meaning.title
    assert not meaning.title.endswith(".")
    assert "{" not in standing(reason, timedelta()).remedy
    assert "{" not in remedy_for(reason, "kraken", None)


def test_the_remedy_names_the_connection_and_before_there_is_one_to_connect_again():
    assert "`metrifly replace-key kraken-abcd1234`" in remedy_for(Reason.KEY_INVALID, "kraken", HERE)
    assert "`metrifly connect kraken` again" in remedy_for(Reason.KEY_INVALID, "kraken", None)


def test_what_a_person_must_mend_stops_the_automatic_syncs_and_what_mends_itself_does_not():
    stopping = {reason for reason in Reason if MEANING[reason].level is Level.ACTION and not MEANING[reason].transient}

    assert Reason.KEY_INVALID in stopping
    assert Reason.EXCHANGE_DOWN not in stopping
    assert all(not MEANING[reason].retries for reason in stopping)


def test_transient_trouble_needs_someone_only_after_three_days():
    assert standing(Reason.EXCHANGE_DOWN, GRACE - timedelta(seconds=1)).level(NOW) is Level.INFO
    assert standing(Reason.EXCHANGE_DOWN, GRACE).level(NOW) is Level.ACTION


def test_differing_balances_are_a_notice_only_after_two_days():
    assert standing(Reason.BALANCE_MISMATCH, MISMATCH_GRACE - timedelta(seconds=1)).level(NOW) is Level.INFO
    assert standing(Reason.BALANCE_MISMATCH, MISMATCH_GRACE).level(NOW) is Level.NOTICE


def test_every_command_in_a_remedy_exists():
    known = set(get_command(app).commands)
    for reason in Reason:
        for command in re.findall(r"`metrifly ([a-z-]+)", MEANING[reason].remedy):
            assert command in known, f"{reason}: {command}"
