"""No key, secret or passphrase is ever found outside the vault: not in any file, log, error or output, however it is written."""

import contextlib
import gzip
import io
import json
import logging
import sqlite3
import time
import zlib
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.faults import Fault, FaultKind
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.settings import Settings
from tests.scenarios.conftest import EXCHANGES
from tests.scenarios.homes import NOW, key_of, other
from tests.scenarios.scanning import find_in, find_under, forms_of

PASSPHRASE = "Pl4nted/p+ss=phr&se %7Zq"
ASKED_EVERY_TIME = {"kraken": "/TradesHistory", "binance": "/deposit/hisrec", "okx": "/fills-history"}
NOT_OURS = ("METRIFLY_DATABASE_URL", "METRIFLY_MASTER_KEY", "METRIFLY_EGRESS_IPS", "METRIFLY_ACCOUNT")


class Life:
    """A home, local exchanges, and commands whose every word is kept."""

    def __init__(self, folder, capture):
        self.home = folder / "home"
        self.accounts = {name: planted_account(name) for name in EXCHANGES}
        self.sandbox = Sandbox([each.account for each in self.accounts.values()], seed=1, clock=time.time, scale=1e6)
        self.connections = {}
        self.planted = set()
        self.texts = []
        """What was printed, logged or raised."""
        self._folder = folder
        self._capture = capture

    def __call__(self, *arguments, status=0, doors=None):
        """Run a command that must end with `status`; returns what it printed."""
        ended = run(arguments, doors or Doors(open_product=hasty))
        out, err = self._capture()
        self.texts += [out, err]
        assert ended == status, out + err
        return out

    def key(self, exchange):
        return key_of(self.accounts[exchange].account)

    def file(self, key):
        """A credentials file; everything in it is planted."""
        fields = {"api_key": key.api_key, "secret": key.secret, "passphrase": key.passphrase}
        given = {name: value for name, value in fields.items() if value}
        self.planted |= set(given.values())
        path = self._folder / "key.json"
        path.write_text(json.dumps(given))
        return "--credentials-file", str(path)

    def change_key(self, exchange, **changed):
        """Change the key at the exchange; returns what it was."""
        before = self.key(exchange)
        self.accounts[exchange].account.keys[before.api_key] = replace(before, **changed)
        return before

    def fault(self, kind, value=""):
        """Let every exchange go wrong from now on, wherever it is asked at each sync."""
        with self.sandbox.lock:
            self.sandbox.faults.clear()
            for exchange, path in ASKED_EVERY_TIME.items():
                fault = Fault(exchange=exchange, path=path, kind=kind, times=10**9, value=value)
                self.sandbox.faults.add(fault)


def planted_account(exchange):
    """A deposit and a trade; on OKX with a passphrase that looks different however it is written."""
    made = AccountBuilder(exchange, first_at=NOW).with_movement(amount="100000").with_fill()
    if made.key.passphrase:
        made.account.keys[made.key.api_key] = replace(made.key, passphrase=PASSPHRASE)
    return made


def hasty(settings):
    """The product as it is, but it doesn't sit out what passes by itself."""
    return open_product(settings, sleep=lambda _seconds: None)


def connect_all(life):
    life("portfolio", "create", "Main")
    for exchange in EXCHANGES:
        key = life.key(exchange)
        where = ("--base-url", life.sandbox.base_url(exchange))
        wrong = life.file(replace(key, secret=other(key.secret)))
        life("test", exchange, *wrong, *where, status=1)
        life("connect", exchange, "--portfolio", "Main", *wrong, *where, status=1)
        right = life.file(key)
        life("test", exchange, *right, *where)
        made = json.loads(life("connect", exchange, "--portfolio", "Main", "--json", *right, *where))
        life.connections[exchange] = made["connection"]


def misuse(life):
    """What people get wrong with a secret in their hands."""
    key = life.key("okx")
    broken = Path(life.file(key)[1])
    broken.write_text(broken.read_text()[:-1])
    life("connect", "okx", "--portfolio", "Main", "--credentials-file", str(broken), status=1)
    life("connect", "kraken", "--portfolio", "Main", *life.file(key), status=1)  # a passphrase that Kraken hasn't
    life("connect", "okx", "--portfolio", "Main", "--secret", key.secret, status=2)
    life("replace-key", life.connections["kraken"], *life.file(life.key("binance")), status=1)
    life("query", "SELECT 'unfinished", status=1)

    def fall_over(_settings):
        raise KeyError(key.secret, key.passphrase)

    life("connections", status=1, doors=Doors(open_product=fall_over))


def fail_in_every_way(life):
    """Syncs while the exchanges go wrong; the last ways repeat the key in the exchange's own error."""
    echo = " ".join(sorted(life.planted))
    ways = [
        (FaultKind.HTML_200, ""),
        (FaultKind.TRUNCATED_JSON, ""),
        (FaultKind.STATUS_500, ""),
        (FaultKind.RESET, ""),
        (FaultKind.BODY, json.dumps({"error": [f"EGeneral:Invalid arguments:{echo}"], "code": "51000", "msg": echo})),
        (FaultKind.BODY, json.dumps({"error": [f"EGeneral:{echo}"], "code": echo, "msg": echo})),
        (FaultKind.BODY, json.dumps([{"id": 1, "key": echo}, 2])),
    ]
    with hasty(Settings()) as product:
        for kind, value in ways:
            life.fault(kind, value)
            product.requesting.file(list(life.connections.values()))
            for batch in product.requesting.batches():
                reports = list(product.syncing.sync(batch.connections, batch.kind))
                life.texts += [repr(report) for report in reports]
                assert not any(report.succeeded for report in reports)
        life.texts.append(repr(product.listing.views()))
    life.sandbox.faults.clear()
    life("connections")


def lose_and_replace_keys(life):
    """Secrets change at the exchanges, Dagster runs into it, new keys come, one connection is ended."""
    for exchange in EXCHANGES:
        life.change_key(exchange, secret=other(life.key(exchange).secret))
    life("sync", "--all", "--here", status=1)
    life("connections", "--json")
    for exchange, connection in life.connections.items():
        life("test", connection, status=1)
        life("replace-key", connection, *life.file(life.key(exchange)))
    life("sync", "--all", "--here")
    life("disconnect", life.connections["kraken"])
    life("reconcile")
    life("quarantine")
    life("connections", "--json")


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    """A whole life of three connections, good and bad days, with all that was said in it."""
    folder = tmp_path_factory.mktemp("life")
    with pytest.MonkeyPatch.context() as patch, redirected() as (capture, logged):
        patch.setenv("METRIFLY_HOME", str(folder / "home"))
        patch.setenv("METRIFLY_LIMIT_SCALE", "1000000")
        patch.setenv("DAGSTER_HOME", "unset again by monkeypatch")
        for name in NOT_OURS:
            patch.delenv(name, raising=False)
        made = Life(folder, capture)
        with made.sandbox:
            connect_all(made)
            made("sync", "--all", "--here")
            misuse(made)
            fail_in_every_way(made)
            lose_and_replace_keys(made)
        made.texts.append(logged.getvalue())
    return made


@contextmanager
def redirected():
    """Everything printed, and everything logged at the finest level by anybody."""
    out, err, logged = io.StringIO(), io.StringIO(), io.StringIO()

    def capture():
        said = out.getvalue(), err.getvalue()
        for stream in (out, err):
            stream.seek(0)
            stream.truncate()
        return said

    handler = logging.StreamHandler(logged)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            yield capture, logged
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def all_forms(life):
    """Every form of everything planted."""
    return {
        f"{place}:{name}": form for place, secret in enumerate(life.planted) for name, form in forms_of(secret).items()
    }


def test_no_file_of_a_home_holds_a_planted_secret_in_any_form(life):
    assert len(life.planted) == 10  # of each exchange a key and two secrets, and a passphrase
    assert sum(1 for path in life.home.rglob("*") if path.is_file()) > 50
    assert find_under(life.home, all_forms(life)) == {}


def test_nothing_printed_logged_or_raised_holds_a_planted_secret_in_any_form(life):
    said = "\n".join(life.texts)
    assert "GET /sapi/v1/capital/deposit/hisrec" in said  # the finest logs are in it
    assert "needs_attention" in said
    assert find_in(said.encode(), all_forms(life)) == set()


def test_the_vault_still_holds_what_nobody_else_does(life):
    with open_product(Settings(home=life.home)) as product:
        kept = {
            name: product.control.sealed_credential(ConnectionId(connection))
            for name, connection in life.connections.items()
        }
        assert kept.pop("kraken") is None  # disconnected: erased
        for exchange, sealed in kept.items():
            opened = product.vault.open(product.account, sealed)
            assert opened.secret == life.key(exchange).secret
            assert opened.secret in life.planted


def test_the_scan_finds_a_planted_secret_in_every_form_and_place(life, tmp_path):
    secret = life.key("okx").secret
    passphrase = PASSPHRASE
    for text in (secret, passphrase):
        for name, form in forms_of(text).items():
            (tmp_path / "plain").write_bytes(b"before" + form + b"after")
            (tmp_path / "stream").write_bytes(b"\x00before" + zlib.compress(b"before" + form + b"after") + b"after")
            (tmp_path / "gzip").write_bytes(b"\x00before" + gzip.compress(form))
            found = find_under(tmp_path, forms_of(text))
            assert found.keys() == {"plain", "stream", "gzip"}
            assert all(name in names for names in found.values())


def test_the_scan_finds_a_planted_secret_inside_databases_and_parquet(life, tmp_path):
    secret = life.key("binance").secret
    rows = [f"{number} {secret}" for number in range(500)]
    pq.write_table(pa.table({"payload": rows}), tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    with contextlib.closing(sqlite3.connect(tmp_path / "b.sqlite")) as db:
        db.execute("CREATE TABLE snapshots (body BLOB)")
        db.execute("INSERT INTO snapshots VALUES (?)", [zlib.compress("\n".join(rows).encode())])
        db.commit()
    with duckdb.connect(str(tmp_path / "c.duckdb")) as db:
        db.execute("CREATE TABLE t AS SELECT unnest($1) AS payload", [rows])
    assert secret.encode() not in (tmp_path / "b.sqlite").read_bytes()  # its bytes alone don't show it

    assert find_under(tmp_path, forms_of(secret)).keys() == {"a.parquet", "b.sqlite", "c.duckdb"}
