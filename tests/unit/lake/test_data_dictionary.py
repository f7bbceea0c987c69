"""The data dictionary in docs/ says what the catalogue's own comments say. `python -m tests.unit.lake.test_data_dictionary` writes it."""

import random
import tempfile
from pathlib import Path

from metrifly_pipeline.control.store import open_store
from metrifly_pipeline.lake import open_lake
from metrifly_pipeline.lake.dictionary import data_dictionary
from metrifly_pipeline.services.tables import small_tables
from tests.unit.lake.toy import START, TOY, publish

PAGE = Path(__file__).parents[3] / "docs" / "data-dictionary.md"


def written(home: Path) -> str:
    """The dictionary of an empty product."""
    control = open_store(f"sqlite:///{home / 'control.db'}", random.Random(1))
    try:
        tables = small_tables(control, (), START)
    finally:
        control.close()
    lake = open_lake(home / "lake", {"toy": TOY})
    publish(lake, tables)
    return data_dictionary(lake.query)


def test_the_data_dictionary_is_in_step_with_the_catalogue(tmp_path):
    page = written(tmp_path)

    assert PAGE.read_text(encoding="utf-8") == page
    assert "None" not in page
    assert "## portfolio_transactions" in page


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(written(Path(folder)), encoding="utf-8")
