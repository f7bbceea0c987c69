"""What the documents tell people to paste works, and the pages and files they name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
QUERIES = [
    query.strip()
    for block in re.findall(r"```sql\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    for query in block.split(";")
    if query.strip()
]


def test_every_query_of_the_readme_can_be_asked_of_the_published_file(home):
    home.start().publish()

    assert len(QUERIES) >= 3
    for query in QUERIES:
        names, _rows = home.product.lake.query(query)
        assert names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_page_of_the_project_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_decision_page_stands_under_its_own_number():
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    titles = [page.read_text(encoding="utf-8").partition("\n")[0] for page in pages]
    assert [title.partition(".")[0] for title in titles] == [f"# {number}" for number in range(1, len(pages) + 1)]
    assert [page.name[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
