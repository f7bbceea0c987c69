"""What importing a file would do, for people and for programs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from metrifly_pipeline.cli.entries import legs_json, legs_words, lookalike_json, names_of
from metrifly_pipeline.cli.render import Col, count, heading, say, span, table, words
from metrifly_pipeline.domain.entries import Draft, legs_of

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product
    from metrifly_pipeline.domain.imports import Import, ImportRow
    from metrifly_pipeline.services.importing import Preview

MOST_SHOWN = 20
"""Rows of a kind that a person is shown; programs get all."""


def show(preview: "Preview") -> None:
    """New, there already, unreadable, with their lines."""
    say(
        f"{preview.file_name} for portfolio {preview.portfolio.name}: {len(preview.new):,} new, {len(preview.there):,} there "
        f"already, {len(preview.unreadable):,} unreadable. Dates without a zone are UTC."
    )
    if preview.new:
        _show_new(preview.new)
    if preview.lookalikes:
        _show_lookalikes(preview)
    if preview.there:
        say()
        heading("There already")
        say(f"{_lines([line for line, _ in preview.there])}; `metrifly import list` shows what was imported when.")
        gone = [line for line, known in preview.there if known.deleted]
        if gone:
            say(f"Deleted by hand since, and not brought back: {_lines(gone).lower()}.")
    if preview.unreadable:
        say()
        heading("Unreadable")
        rows = [(wrong.line, wrong.column or "-", wrong.reason) for wrong in preview.unreadable[:MOST_SHOWN]]
        table([Col("line", right=True), Col("column", whole=True), Col("reason")], rows)
        _say_more(len(preview.unreadable))
    say()


def as_json(product: "Product", preview: "Preview", stored: "Import | None") -> dict[str, object]:
    """Every row, and what was stored."""
    names = names_of(product)
    return {
        "file": preview.file_name,
        "portfolio": preview.portfolio.name,
        "portfolio_id": preview.portfolio.id,
        "new": [
            {
                "line": row.line,
                "kind": row.draft.kind,
                "date": row.draft.occurred_at,
                "legs": legs_json(legs_of(row.draft), names),
                "note": row.draft.note,
                "lookalikes": [lookalike_json(each) for each in preview.lookalikes if each.number == number],
            }
            for number, row in enumerate(preview.new)
        ],
        "there_already": [
            {"line": line, "entry": known.entry, "import": known.stored_by, "deleted": known.deleted}
            for line, known in preview.there
        ],
        "unreadable": preview.unreadable,
        "stored": None if stored is None else {"import": stored.id, "rows": stored.rows},
    }


def _show_new(rows: "Sequence[ImportRow]") -> None:
    kinds: dict[str, list[Draft]] = defaultdict(list)
    for row in rows:
        kinds[row.draft.kind].append(row.draft)
    say()
    heading("New")
    if len(rows) > MOST_SHOWN:
        columns = [Col("kind", whole=True), Col("rows", right=True), Col("dates", whole=True)]
        table(columns, [(drafts[0].kind, f"{len(drafts):,}", _dates(drafts)) for drafts in kinds.values()])
        say()
    columns = [
        Col("line", right=True),
        Col("date (UTC)", whole=True),
        Col("kind", whole=True),
        Col("what"),
        Col("where"),
    ]
    shown = rows[:MOST_SHOWN]
    table(
        columns,
        [
            (row.line, row.draft.occurred_at, row.draft.kind, legs_words(legs_of(row.draft)), _where(row.draft))
            for row in shown
        ],
    )
    _say_more(len(rows))


def _show_lookalikes(preview: "Preview") -> None:
    say()
    heading("Perhaps imported already")
    say(
        "A connection imported what these rows say as well. Stored, both count: take out of the file what is one and the same."
    )
    columns = [Col("line", right=True), Col("connection", whole=True), Col("record"), Col("when (UTC)", whole=True)]
    shown = preview.lookalikes[:MOST_SHOWN]
    table(
        columns,
        [
            (preview.new[each.number].line, each.connection, f"{words(each.kind)} {each.record}", each.occurred_at)
            for each in shown
        ],
    )
    _say_more(len(preview.lookalikes))


def _where(draft: Draft) -> str:
    return draft.place.connection or "the portfolio"


def _dates(drafts: Sequence[Draft]) -> str:
    moments = [draft.occurred_at for draft in drafts]
    return span(min(moments), max(moments))


def _say_more(number: int) -> None:
    if number > MOST_SHOWN:
        say(f"... and {count(number - MOST_SHOWN, 'more row')}; --json shows all.")


def _lines(lines: Iterable[int]) -> str:
    """`lines 2-5, 9`, at most as many parts as rows are shown."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][-1] + 1:
            parts[-1][1:] = [line]
        else:
            parts.append([line])
    shown = ", ".join("-".join(map(str, part)) for part in parts[:MOST_SHOWN])
    return f"Lines {shown}{', ...' if len(parts) > MOST_SHOWN else ''}"
