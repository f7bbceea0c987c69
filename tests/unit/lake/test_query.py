"""Asking the catalogue: one statement that reads, nothing outside, and DuckDB's own words where it can't be run."""

import pytest

from metrifly_pipeline.domain.trouble import RefusedError
from tests.unit.lake.toy import publish


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "WITH one AS (SELECT 1) SELECT * FROM one",
        "FROM trades",
        "DESCRIBE trades",
        "SHOW TABLES",
        "SUMMARIZE trades",
        "EXPLAIN SELECT * FROM legs",
        "VALUES (1)",
        "SELECT 1;",
    ],
)
def test_a_statement_that_reads_is_run(lake, sql):
    publish(lake)

    names, _rows = lake.query(sql)

    assert names


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO connections VALUES ('a', 'b', 'c')",
        "DROP TABLE connections",
        "COPY trades TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.duckdb'",
        "SET enable_external_access = true",
        "PRAGMA enable_profiling",
        "INSTALL httpfs",
        "CALL pragma_version()",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE connections",
        "",
        "-- nothing",
    ],
)
def test_anything_else_is_refused(lake, sql):
    publish(lake)

    with pytest.raises(RefusedError):
        lake.query(sql)
    assert lake.query("SELECT count(*) FROM connections")[1] == [(2,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "EXPLAIN ANALYZE COPY trades TO '/tmp/x.csv'",
    ],
)
def test_no_file_outside_is_read_or_written(lake, sql):
    publish(lake)

    with pytest.raises(RefusedError):
        lake.query(sql)


def test_an_error_is_told_in_duckdbs_own_words(lake):
    publish(lake)

    with pytest.raises(RefusedError, match="trades_of_mine"):
        lake.query("SELECT * FROM trades_of_mine")
    with pytest.raises(RefusedError, match="syntax error"):
        lake.query("SELEC 1")


def test_before_anything_was_published_it_says_so(lake):
    with pytest.raises(RefusedError, match="Nothing has been published yet"):
        lake.query("SELECT 1")


def test_days_do_not_follow_the_readers_zone(lake, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    publish(lake)

    assert lake.query("SELECT date_trunc('day', TIMESTAMPTZ '2024-03-01 23:30:00+00')::VARCHAR")[1] == [
        ("2024-03-01 00:00:00+00",)
    ]
