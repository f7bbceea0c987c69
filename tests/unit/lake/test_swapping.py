"""How a published catalogue takes the place of the one before: whole at any time, for every reader, an older DuckDB's too."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from metrifly_pipeline.domain.lake_rows import Alias
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import TOY, ask, publish

DUCKDB_14 = Path(__file__).parents[3] / ".venv-duckdb14" / "bin" / "python"


def test_a_publish_from_older_sources_is_discarded(filled, alice, tmp_path):
    assert publish(filled, change_seq=5).published
    assert not publish(filled, change_seq=4).published
    assert publish(filled, change_seq=5).published

    behind = open_lake(tmp_path / "lake", {"toy": TOY})
    late = behind._tables.stored("trades")
    late.reload = lambda: None
    assert late.version < 10
    alice.take(alice.fill(3))
    assert publish(filled, change_seq=6).published
    assert not publish(behind, change_seq=7).published
    assert ask(filled, "SELECT change_seq FROM _meta") == [(6,)]


def test_a_damaged_file_in_place_is_replaced(filled):
    filled.warehouse_path.parent.mkdir(exist_ok=True)
    filled.warehouse_path.write_bytes(b"not a database" * 1_000)

    assert publish(filled).published
    assert ask(filled, "SELECT count(*) FROM trades") == [(1,)]


def test_what_a_killed_publish_left_is_cleared_away(filled, tmp_path):
    class KilledError(Exception):
        pass

    def kill(label: str) -> None:
        if label == "publish.before_rename":
            raise KilledError

    publish(filled)
    with pytest.raises(KilledError):
        publish(open_lake(tmp_path / "lake", {"toy": TOY}, reach=kill), change_seq=2)
    assert files(filled) == {"metrifly.duckdb", "metrifly.duckdb.building", ".publish.lock", "template"}

    assert publish(filled, change_seq=3).published
    assert files(filled) == {"metrifly.duckdb", ".publish.lock", "template"}


def files(lake):
    """What lies beside the published file; of a template only that it is one."""
    names = [path.name for path in lake.warehouse_path.parent.iterdir()]
    assert sum("template" in name for name in names) <= 1
    return {"template" if "template" in name else name for name in names}


def template_of(lake):
    (template,) = lake.warehouse_path.parent.glob(".*template*")
    return template


def test_a_template_that_is_spoilt_is_made_anew(filled):
    publish(filled)
    sound = template_of(filled).read_bytes()
    template_of(filled).write_bytes(sound[:5_000] + bytes(len(sound) - 5_000))

    assert publish(filled, change_seq=2).published
    assert ask(filled, "SELECT count(*) FROM trades") == [(1,)]
    assert len(template_of(filled).read_bytes()) == len(sound)
    before = template_of(filled).stat().st_mtime_ns
    assert publish(filled, change_seq=3).published
    assert template_of(filled).stat().st_mtime_ns == before


def test_a_template_of_other_rooms_is_not_taken(filled, tmp_path):
    publish(filled)
    before = template_of(filled)
    alias = Alias(code="QQQ", asset="Q", wallet="", valid_from=None, valid_to=None, source="a test")
    other = open_lake(tmp_path / "lake", {"toy": replace(TOY, aliases=(*TOY.aliases, alias))})

    publish(other, change_seq=2)

    assert template_of(other) != before
    assert ask(other, "SELECT asset FROM asset_aliases WHERE code = 'QQQ'") == [("Q",)]


READER = """
import json, pathlib, sys, duckdb
path, stop = sys.argv[1], pathlib.Path(sys.argv[2])
seen = []
while True:
    last = stop.exists()
    with duckdb.connect(path, read_only=True) as connection:
        seen.append(connection.execute('''
            SELECT (SELECT change_seq FROM _meta), (SELECT count(*) FROM trades), (SELECT count(*) FROM legs),
                (SELECT sum(amount) FROM legs WHERE asset = 'BTC'), (SELECT amount FROM positions WHERE asset = 'BTC')
        ''').fetchone())
    if last:
        break
print(json.dumps([[str(value) for value in row] for row in seen]))
"""


@pytest.mark.long
def test_a_reader_in_another_process_sees_a_whole_state_through_20_publishes(filled, alice, tmp_path):
    publish(filled)
    stop = tmp_path / "stop"
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(filled.warehouse_path), str(stop)], stdout=subprocess.PIPE, text=True
    ) as reader:
        for number in range(2, 22):
            alice.take(alice.fill(100 + number, amount="1"))
            assert publish(filled, change_seq=number).published
        stop.touch()
        seen = json.loads(reader.communicate(timeout=120)[0])

    for change_seq, trades, legs, summed, position in seen:
        assert int(trades) == int(change_seq)
        assert int(legs) == 3 * int(trades) + 1
        assert Decimal(summed) == Decimal(position) == int(trades) + 1
    assert len({row[0] for row in seen}) > 1
    assert seen[-1][0] == "21"


def test_a_reader_that_stays_open_keeps_its_state_and_hinders_nobody(filled, alice):
    publish(filled)
    with duckdb.connect(str(filled.warehouse_path), read_only=True) as reader:
        alice.take(alice.fill(50))
        assert publish(filled, change_seq=2).published
        assert reader.execute("SELECT count(*) FROM trades").fetchone() == (1,)
    assert ask(filled, "SELECT count(*) FROM trades") == [(2,)]


def test_publishing_from_two_threads_keeps_the_newest(filled, tmp_path):
    lakes = [open_lake(tmp_path / "lake", {"toy": TOY}) for _ in range(2)]
    threads = [
        threading.Thread(target=publish, args=(lake,), kwargs={"change_seq": 10 + place})
        for place, lake in enumerate(lakes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ask(filled, "SELECT change_seq FROM _meta") == [(11,)]


def test_duckdb_1_4_opens_the_file_and_reads_every_table(filled):
    publish(filled)
    code = (
        "import duckdb, json, sys; c = duckdb.connect(sys.argv[1], read_only=True);"
        'names = [n for (n,) in c.execute("SELECT DISTINCT table_name FROM duckdb_columns() WHERE NOT internal").fetchall()];'
        "print(json.dumps({n: c.execute('SELECT count(*) FROM ' + n).fetchone()[0] for n in names} | {'v': duckdb.__version__}))"
    )

    done = subprocess.run(
        [str(DUCKDB_14), "-c", code, str(filled.warehouse_path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["v"].startswith("1.4")
    assert (counts["trades"], counts["legs"], counts["trades_history"]) == (1, 4, 2)


def test_the_file_can_be_attached_under_another_name(filled):
    publish(filled)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{filled.warehouse_path}' AS mine (READ_ONLY)")
        assert connection.execute("SELECT count(*) FROM mine.legs").fetchone() == (4,)
