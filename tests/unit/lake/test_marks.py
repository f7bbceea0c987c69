"""Marks are read from the log's entries, and say what Delta itself says, at the version that a handle shows."""

import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from metrifly_pipeline.domain.trouble import LakeConflictError
from metrifly_pipeline.lake.marks import Marks
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import TRADES


@pytest.fixture
def folder(tmp_path):
    """A table with six commits; each moves the mark of one of three app ids."""
    path = tmp_path / "trades"
    table = DeltaTable.create(str(path), TRADES.schema)
    for number in range(1, 7):
        marks = CommitProperties(app_transactions=[Transaction(f"app-{number % 3}", number)])
        write_deltalake(table, TRADES.schema.empty_table(), mode="append", commit_properties=marks)
    return path


APPS = ("app-0", "app-1", "app-2", "nobody")


def told(marks, handle):
    return {app: marks.at(handle, app) for app in APPS}


def by_delta(handle):
    return {app: handle.transaction_version(app) for app in APPS}


@pytest.mark.parametrize("version", [0, 1, 3, 6])
def test_marks_are_those_of_the_version_that_the_handle_shows(folder, version):
    handle = DeltaTable(str(folder), version=version)

    assert told(Marks(folder), handle) == by_delta(handle)


def test_marks_follow_their_handle_forward_and_back(folder):
    marks, handle = Marks(folder), DeltaTable(str(folder), version=2)
    assert told(marks, handle) == by_delta(handle)
    for version in (5, 3, 6):
        handle.load_as_version(version)
        assert told(marks, handle) == by_delta(handle)


def test_marks_survive_a_checkpoint_and_the_cleaning_of_the_log(folder):
    handle = DeltaTable(str(folder))
    handle.create_checkpoint()
    for number in range(6):
        (folder / "_delta_log" / f"{number:020d}.json").unlink()

    assert told(Marks(folder), DeltaTable(str(folder))) == {"app-0": 6, "app-1": 4, "app-2": 5, "nobody": None}


def test_marks_that_were_left_behind_by_a_cleaned_log_begin_anew_at_the_checkpoint(folder):
    marks = Marks(folder)
    told(marks, DeltaTable(str(folder), version=2))
    newest = DeltaTable(str(folder))
    newest.create_checkpoint()
    for number in range(6):
        (folder / "_delta_log" / f"{number:020d}.json").unlink()

    assert told(marks, newest) == {"app-0": 6, "app-1": 4, "app-2": 5, "nobody": None}


def test_a_mark_that_would_not_rise_is_refused(tmp_path):
    stored = TableSet(tmp_path).stored("trades")
    nothing = TRADES.schema.empty_table()
    stored.commit(nothing, {"app": 5})

    for mark in (5, 4):
        with pytest.raises(LakeConflictError, match="would not rise"):
            stored.commit(nothing, {"app": mark})
    stored.commit(nothing, {"app": 5}, may_stay=True)
    with pytest.raises(LakeConflictError, match="would not rise"):
        stored.commit(nothing, {"app": 4}, may_stay=True)
    stored.commit(nothing, {"app": 6})
    assert stored.mark("app") == 6


def test_a_handle_that_did_not_see_a_commit_of_its_app_id_meets_it(tmp_path):
    first, second = (TableSet(tmp_path).stored("trades") for _ in range(2))
    nothing = TRADES.schema.empty_table()
    first.commit(nothing, {"app": 1})
    second.reload()
    assert second.mark("app") == 1
    first.commit(nothing, {"app": 2})

    with pytest.raises(LakeConflictError, match="came first"):
        second.commit(nothing, {"app": 3})
    second.commit(nothing, {"another": 1})
    assert (second.mark("app"), second.mark("another")) == (2, 1)


def test_a_handle_catches_up_with_others_even_where_the_log_was_cleaned_meanwhile(tmp_path):
    tables, others = TableSet(tmp_path), TableSet(tmp_path)
    late, other = tables.stored("trades"), others.stored("trades")
    other.commit(TRADES.schema.empty_table(), {"app": 1})
    late.reload()
    assert late.version == other.version == 1
    for mark in (2, 3):
        other.commit(TRADES.schema.empty_table(), {"app": mark})
    other.handle.create_checkpoint()
    for number in range(3):
        (tables.folder / "trades" / "_delta_log" / f"{number:020d}.json").unlink()

    late.reload()

    assert late.version == other.version == 3
    assert late.mark("app") == 3
