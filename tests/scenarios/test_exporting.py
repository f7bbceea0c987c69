"""`metrifly export`: one account's tables in a file that opens elsewhere, with another DuckDB, after the home is gone."""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.commands import Commands
from tests.scenarios.homes import NOW

DUCKDB_14 = Path(__file__).parents[2] / ".venv-duckdb14" / "bin" / "python"
READ_ALL = """
import duckdb, json, sys
shown = duckdb.connect(sys.argv[1], read_only=True)
names = [name for (name,) in shown.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
rows = {name: [[str(cell) for cell in row] for row in shown.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetchall()] for name in names}
rows["comments"] = shown.execute("SELECT count(*) FILTER (comment IS NULL) FROM duckdb_columns() WHERE NOT internal").fetchall()
print(json.dumps(rows))
"""


def recent(exchange):
    return AccountBuilder(exchange, first_at=NOW - timedelta(days=2)).with_movement(amount="100000").with_fill()


def traded(exchange, amount):
    return (
        AccountBuilder(exchange).with_movement(asset="USD", amount="90000").with_fill(market="BTC/USD", amount=amount)
    )


@pytest.fixture
def command(home, capsys, tmp_path, monkeypatch):
    """A home in which two customers each have a connection, and the first also an entry by hand without one."""
    monkeypatch.chdir(tmp_path)
    mine, theirs = traded("kraken", "0.123456789"), recent("okx")
    home.start(mine, theirs)
    home.connect(mine)
    home.sync()
    line = Commands(home, capsys)
    line("metrifly record opening-balance --portfolio main --asset ETH --quantity 2 --date 2024-01-31")
    home.other = home.connect(theirs, customer=home.customer("Other", Plan.STARTER)).id
    home.sync()
    home.publish()
    return line


def read(path, python=DUCKDB_14):
    done = subprocess.run([python, "-c", READ_ALL, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def published(home, name):
    return [[str(cell) for cell in row] for row in home.read(f"FROM {name} ORDER BY ALL")[1]]


def test_an_export_has_every_table_of_its_account_and_no_row_of_another_and_needs_nothing_beside_it(
    command, home, tmp_path
):
    whole = {
        name: published(home, name) for name in ("trades", "movements", "legs", "entries", "portfolio_transactions")
    }
    made = command.json("metrifly export --portable ./out")
    elsewhere = tmp_path / "elsewhere.duckdb"
    shutil.move(made["path"], elsewhere)
    home.close()
    shutil.rmtree(home.folder / "lake")

    found = read(elsewhere)

    assert found.pop("comments") == [[0]]
    text = json.dumps(found)
    assert home.other not in text
    assert "0.123456789" in text
    for name, rows in whole.items():
        own = [row for row in rows if home.other not in row]
        assert found[name] == own
        assert made["rows"][name] == len(own)
    assert len(found["entries"]) == 1
    assert len(whole["trades"]) == 2
    assert len(found["trades"]) == 1
    assert [row for row in found["positions"] if "ETH" in row]
    with duckdb.connect(str(elsewhere), read_only=True) as newer:
        assert newer.execute("SELECT count(*) FROM trades").fetchone() == (1,)


def test_the_other_account_gets_its_own(command, home):
    made = command.json("metrifly export --portable ./out --account other")

    (row,) = read(made["path"])["connections"]
    assert home.other in row


def test_a_file_that_is_there_is_left_alone_and_what_is_not_published_yet_is_told(command, home):
    first = command.json("metrifly export --portable ./out")
    assert first["is_newest"]
    before = Path(first["path"]).read_bytes()

    assert "left alone" in command.told("metrifly export --portable ./out", status=1)

    assert Path(first["path"]).read_bytes() == before
    assert [file.name for file in Path("out").iterdir()] == [Path(first["path"]).name]
    command("metrifly record opening-balance --portfolio main --asset SOL --quantity 2 --date 2024-01-31")
    told = command.told("metrifly export --portable ./later")
    assert "What changed since then is not in it" in told
    assert "metrifly sync --all --here" in told


def test_without_anything_published_it_says_what_to_do(home, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home.start()

    assert "metrifly sync --all --here" in Commands(home, capsys).told("metrifly export", status=1)

    assert not list(tmp_path.glob("*.duckdb"))


def test_it_is_not_written_into_metriflys_own_folder(command, home):
    inside = home.product.settings.home / "lake"

    assert "outside it with `--portable DIR`" in command.told("export", "--portable", str(inside), status=1)

    assert not list(inside.glob("*.duckdb"))
