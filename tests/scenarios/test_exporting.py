"""An export is a whole warehouse of one account: it opens elsewhere, with an older DuckDB, when the home is gone."""
# ruff: noqa: S608 - names of this file, and ids that the product itself made

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.commands import Commands
from tests.scenarios.homes import NOW
from tests.scenarios.scanning import find_under

DUCKDB_14 = Path(__file__).parents[2] / ".venv-duckdb14" / "bin" / "python"
READER = """
import json, sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as db:
    db.execute("SET TimeZone = 'UTC'")
    names = [name for (name,) in db.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
    views = db.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchone()[0]
    rows = {name: sorted(map(repr, db.execute(f'SELECT * FROM "{name}"').fetchall())) for name in names}
    columns = db.execute("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal").fetchall()
    tables = db.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall()
print(json.dumps({"version": duckdb.__version__, "views": views, "rows": rows, "columns": columns, "tables": tables}))
"""
SAME = ("trades", "movements", "legs", "balances", "positions", "reconciliation", "portfolio_transactions", "coverage")


def read(file):
    """Everything in a file, as DuckDB 1.4 shows it."""
    done = subprocess.run([DUCKDB_14, "-c", READER, file], capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout)


@pytest.fixture
def two(home):
    """A home with two customers, each with a deposit and a trade; Ann's id and ours."""
    hers = (
        AccountBuilder("kraken", seed=7, first_at=NOW)
        .with_movement(asset="USD", amount="77000")
        .with_fill(amount="0.07")
    )
    ours = (
        AccountBuilder("kraken", seed=8, first_at=NOW)
        .with_movement(asset="USD", amount="1000")
        .with_fill(amount="0.01")
    )
    home.start(hers, ours)
    customer = home.customer("Ann Example", Plan.PRO)
    home.time.turn(hours=1)
    ids = home.connect(hers, customer=customer).id, home.connect(ours).id
    home.work()
    home.publish()
    return ids


def test_an_export_opens_elsewhere_with_an_older_duckdb_when_the_home_is_gone(home, two, capsys, tmp_path):
    hers, ours = two
    published = {name: home.query(f"SELECT * FROM {name}") for name in SAME}
    portfolios = {
        row["portfolio_id"]
        for row in home.query(f"SELECT portfolio_id FROM connections WHERE connection_id = '{hers}'")
    }
    comments = home.query("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal")

    told = Commands(home, capsys).told("export", "--account", "Ann Example", "--portable", str(tmp_path / "out"))

    assert "1 trade, 1 movement" in told
    home.close()
    shutil.rmtree(home.folder)
    shutil.move(tmp_path / "out", tmp_path / "elsewhere")
    (file,) = (tmp_path / "elsewhere").iterdir()
    seen = read(file)
    assert seen["version"].startswith("1.4")
    assert seen["views"] == 0
    for name, rows in published.items():
        own = [
            row
            for row in rows
            if row.get("connection_id") == hers or ("connection_id" not in row and row["portfolio_id"] in portfolios)
        ]
        assert own
        assert len(own) < len(rows)
        assert len(seen["rows"][name]) == len(own), name
    assert "Decimal('77000.000000000000000000')" in str(seen["rows"]["movements"])
    assert "Decimal('0.070000000000000000')" in str(seen["rows"]["trades"])
    assert len(seen["rows"]["_meta"]) == 1
    assert find_under(tmp_path / "elsewhere", {"ours": ours.encode()}) == {}
    assert find_under(tmp_path / "elsewhere", {"hers": hers.encode()})
    told_of = {(table, column): comment for table, column, comment in seen["columns"]}
    kept = {(row["table_name"], row["column_name"]): row["comment"] for row in comments}
    assert told_of == {place: kept[place] for place in told_of}
    assert all(told_of.values())
    assert all(comment for _, comment in seen["tables"])


def test_nothing_is_overwritten_and_nothing_lies_in_the_home(home, two, capsys, tmp_path, monkeypatch):
    commands = Commands(home, capsys)
    monkeypatch.chdir(tmp_path)

    made = commands.json("export")

    assert made["file"] == str(tmp_path / "metrifly-default-2026-03-01" / "metrifly.duckdb")
    assert made["rows"]["trades"] == 1
    before = Path(made["file"]).read_bytes()
    assert "is there already; nothing was written" in commands.told("export", status=1)
    assert Path(made["file"]).read_bytes() == before
    assert "lies in the home" in commands.told("export", "--portable", str(home.folder / "out"), status=1)
    assert not (home.folder / "out").exists()
    assert sorted(each.name for each in Path(made["file"]).parent.iterdir()) == ["metrifly.duckdb"]
    assert home.query("SELECT count(*) AS n FROM trades") == [{"n": 2}]  # the warehouse in place is as it was


def test_an_account_without_a_connection_has_an_export_too(home, capsys, tmp_path):
    home.start()
    home.customer("Ann Example", Plan.PRO)

    made = Commands(home, capsys).json("export", "--account", "Ann Example", "--portable", str(tmp_path / "out"))

    seen = read(made["file"])
    assert seen["rows"]["trades"] == []
    assert len(seen["rows"]["portfolios"]) == 1


def test_a_folder_that_can_t_be_written_is_told_without_a_traceback(home, capsys, tmp_path):
    home.start()
    (tmp_path / "taken").write_text("a file")

    told = Commands(home, capsys).told("export", "--portable", str(tmp_path / "taken" / "out"), status=1)

    assert "taken" in told
