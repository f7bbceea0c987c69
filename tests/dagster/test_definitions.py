"""The definitions: they load fast, touch nothing, and read well."""

import subprocess
import sys
from pathlib import Path

from metrifly_pipeline.definitions import defs

ROOT = Path(__file__).parents[2]
HEAVY = ("ccxt", "cryptography", "metrifly_pipeline.control", "metrifly_pipeline.bootstrap")


def test_definitions_load_without_the_product_and_write_no_file(tmp_path):
    home = tmp_path / "home"
    script = (
        "import sys, metrifly_pipeline.definitions as module\n"
        "module.defs.resolve_all_job_defs()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )

    environment = {"METRIFLY_HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )

    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr
    assert not home.exists()
    assert list(tmp_path.iterdir()) == []


def test_workspace_yaml_validates(tmp_path):
    environment = {"DAGSTER_HOME": str(tmp_path), "METRIFLY_HOME": str(tmp_path / "home"), "PATH": ""}
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]

    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, text=True)

    assert result.returncode == 0, result.stderr
    assert "metrifly" in result.stdout + result.stderr
    assert not (tmp_path / "home").exists()


def test_a_group_has_at_most_five_cards():
    groups: dict[str, list[str]] = {}
    for spec in defs.resolve_all_asset_specs():
        groups.setdefault(spec.group_name or "", []).append(spec.key.to_user_string())

    assert {name: len(cards) for name, cards in groups.items()} == {"connections": 5, "portfolios": 5}


def test_every_connection_asset_names_its_columns_in_words():
    specs = [spec for spec in defs.resolve_all_asset_specs() if spec.group_name == "connections"]

    for spec in specs:
        columns = spec.metadata["dagster/column_schema"].columns
        assert {"connection_id", "seq"} <= {column.name for column in columns}
        assert all(column.description for column in columns)


def test_every_description_begins_with_a_plain_sentence():
    for spec in defs.resolve_all_asset_specs():
        first = (spec.description or "").split(". ")[0]
        assert first
        assert not set("*`#[|") & set(first)
