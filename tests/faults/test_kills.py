"""kill -9 at each labelled point of landing, moving the cursor, normalising and publishing: nothing lost, nothing doubled."""

import signal

import pytest

LABELS = (
    "land.before_commit",
    "land.after_commit",
    "land.after_fsync",
    "cursor.before",
    "cursor.after",
    "normalise.before_commit",
    "normalise.after_commit",
    "publish.before_rename",
    "publish.after_rename",
)


@pytest.mark.kills
@pytest.mark.parametrize("label", LABELS)
def test_a_worker_killed_at_any_point_loses_nothing_and_doubles_nothing(label, hit, faulty_home):
    before = faulty_home.watermarks()

    status = faulty_home.kill_worker(label, hit)

    assert status == -signal.SIGKILL, "the worker must have reached the point and died there"
    between = faulty_home.watermarks()
    assert all(between.get(table, -1) >= mark for table, mark in before.items()), "a watermark went back"
    faulty_home.recover()
    assert faulty_home.lost_and_doubled() == 0
    after = faulty_home.watermarks()
    assert after["trades"] > 0
    assert all(after[table] >= mark for table, mark in between.items()), "a watermark went back"


@pytest.mark.kills
def test_moving_the_cursor_before_the_files_are_there_is_caught_by_the_same_test(faulty_home):
    status = faulty_home.kill_worker("cursor.before", 3, wrong_order=True)
    assert status == -signal.SIGKILL

    faulty_home.recover()

    assert faulty_home.lost_and_doubled() > 0


def test_without_a_kill_everything_arrives_once(faulty_home):
    faulty_home.recover()

    assert faulty_home.lost_and_doubled() == 0
