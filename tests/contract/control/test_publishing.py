"""The sequence of changes and when a publish is due, on both databases."""

from datetime import timedelta

import pytest

from metrifly_pipeline.control import publishing
from metrifly_pipeline.domain.status import Urgency
from metrifly_pipeline.domain.trouble import NotFoundError
from tests.contract.control.builders import NOW, numbered

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def change(store, portfolio):
    """Number a change of the portfolio."""

    def changed(urgency=Urgency.NOW, now=NOW):
        return numbered(store, [portfolio.id], urgency, now)

    return changed


def test_each_change_takes_the_next_number_and_gives_it_to_its_portfolios(store, account, portfolio):
    second = store.create_portfolio(account, "Second", NOW + SECOND)

    assert numbered(store, [portfolio.id, second.id]) == 1
    assert numbered(store, [second.id], Urgency.SOON) == 2

    assert [each.change_seq for each in store.portfolios()] == [1, 2]
    assert store.change_seq() == 2


def test_a_change_of_an_unknown_portfolio_takes_no_number(store, portfolio):
    with pytest.raises(NotFoundError):
        numbered(store, [portfolio.id, "pf-00000000"])

    assert store.change_seq() == store.portfolios()[0].change_seq == 0


def test_nothing_is_due_without_a_change(store, change):
    assert store.publish_due(NOW) is None
    store.mark_published(change(), NOW)
    assert store.publish_due(NOW + 100 * MINUTE) is None


def test_an_urgent_change_is_due_after_ten_seconds_with_all_that_came_along(store, change):
    change(now=NOW)
    change(now=NOW + 8 * SECOND)

    assert store.publish_due(NOW + 9 * SECOND) is None
    assert store.publish_due(NOW + 10 * SECOND) == (2, 0)


def test_other_changes_are_due_ten_minutes_after_the_last_publish(store, change):
    store.mark_published(change(), NOW)
    change(Urgency.SOON, NOW + MINUTE)

    assert store.publish_due(NOW + 10 * MINUTE - SECOND) is None
    assert store.publish_due(NOW + 10 * MINUTE) == (2, 0)


def test_with_more_connections_they_are_due_less_often_and_an_hour_is_the_longest(store, change, connect, monkeypatch):
    for number in range(1, 4):
        connect(number)
    store.mark_published(store.change_seq(), NOW)
    monkeypatch.setattr(publishing, "PACE_OF_EACH", 5 * MINUTE)  # 0.6 seconds with 1,500 connections do the same
    number = change(Urgency.SOON, NOW + MINUTE)

    assert store.publish_due(NOW + 15 * MINUTE - SECOND) is None
    assert store.publish_due(NOW + 15 * MINUTE) == (number, 0)

    store.mark_published(number, NOW)
    monkeypatch.setattr(publishing, "PACE_OF_EACH", 100 * MINUTE)
    number = change(Urgency.SOON, NOW + MINUTE)
    assert store.publish_due(NOW + 61 * MINUTE - SECOND) is None
    assert store.publish_due(NOW + 61 * MINUTE) == (number, 0)


def test_the_very_first_change_does_not_wait_for_a_publish_before_it(store, change):
    change(Urgency.SOON)

    assert store.publish_due(NOW + 9 * SECOND) is None
    assert store.publish_due(NOW + 10 * SECOND) == (1, 0)


def test_a_change_waits_an_hour_at_the_most_even_after_a_clock_that_jumped(store, change):
    store.mark_published(change(), NOW + 1000 * MINUTE)
    change(Urgency.SOON, NOW)

    assert store.publish_due(NOW + 59 * MINUTE) is None
    assert store.publish_due(NOW + 60 * MINUTE) == (2, 0)


def test_an_urgent_change_does_not_wait_behind_one_that_is_not(store, change):
    store.mark_published(change(), NOW)
    change(Urgency.SOON, NOW + MINUTE)
    change(Urgency.NOW, NOW + 2 * MINUTE)

    assert store.publish_due(NOW + 2 * MINUTE + 9 * SECOND) is None
    assert store.publish_due(NOW + 2 * MINUTE + 10 * SECOND) == (3, 0)


def test_asking_again_gives_the_same_pair_until_it_has_taken_five_minutes(store, change):
    change()
    start = NOW + 10 * SECOND
    assert store.publish_due(start) == (1, 0)
    assert store.publish_due(start + 5 * MINUTE) == (1, 0)

    again = start + 5 * MINUTE + SECOND
    assert store.publish_due(again) == (1, 1)
    assert store.publish_due(again + 5 * MINUTE) == (1, 1)
    assert store.publish_due(again + 5 * MINUTE + SECOND) == (1, 2)


def test_while_a_publish_is_under_way_only_an_urgent_change_starts_another(store, change):
    change()
    start = NOW + 10 * SECOND
    assert store.publish_due(start) == (1, 0)

    change(Urgency.SOON, start)
    assert store.publish_due(start + MINUTE) == (1, 0)

    change(Urgency.NOW, start + MINUTE)
    assert store.publish_due(start + MINUTE + 9 * SECOND) == (1, 0)
    assert store.publish_due(start + MINUTE + 10 * SECOND) == (3, 0)


def test_a_publish_that_failed_is_asked_for_again_with_all_changes_since(store, change):
    change()
    store.publish_due(NOW + 10 * SECOND)
    change(Urgency.SOON, NOW + MINUTE)

    assert store.publish_due(NOW + 6 * MINUTE) == (2, 0)


def test_a_publish_covers_what_came_before_it_and_not_what_came_after(store, change, account):
    other = store.create_portfolio(account, "Other", NOW + SECOND)
    change()
    numbered(store, [other.id])
    change(now=NOW + MINUTE)

    store.mark_published(2, NOW + MINUTE)

    assert [(each.change_seq, each.published_seq) for each in store.portfolios()] == [(3, 2), (2, 2)]
    assert store.publish_due(NOW + MINUTE + 10 * SECOND) == (3, 0)


def test_a_publish_that_comes_late_does_not_undo_a_newer_one(store, change):
    change()
    change()
    store.mark_published(2, NOW)

    store.mark_published(1, NOW + MINUTE)

    assert store.portfolios()[0].published_seq == 2
    assert store.publish_due(NOW + 100 * MINUTE) is None


def test_a_number_that_was_never_given_publishes_nothing_of_the_future(store, change):
    store.mark_published(99, NOW)
    assert change() == 1
    assert store.publish_due(NOW + 10 * SECOND) == (1, 0)


def test_of_several_that_would_tidy_the_lake_one_may_once_a_day(store, open_another):
    day = timedelta(days=1)

    assert store.claim_maintenance(NOW, day)
    assert not store.claim_maintenance(NOW + day - SECOND, day)
    assert not open_another().claim_maintenance(NOW + day - SECOND, day)
    assert open_another().claim_maintenance(NOW + day, day)
    assert not store.claim_maintenance(NOW + day, day)
