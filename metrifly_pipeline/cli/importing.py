"""`metrifly import`: entries out of a file that a person filled in, shown first, stored after a yes; listed and taken back."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from metrifly_pipeline.cli import import_preview
from metrifly_pipeline.cli.acting import UNNAMED, next_command, of_account
from metrifly_pipeline.cli.doors import doors_of, opened
from metrifly_pipeline.cli.entries import say_what_stays
from metrifly_pipeline.cli.render import Col, count, print_json, say, table
from metrifly_pipeline.domain.entries import EntryKind
from metrifly_pipeline.domain.trouble import RefusedError

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product
    from metrifly_pipeline.domain.imports import Import, Undone
    from metrifly_pipeline.services.importing import Preview

_FILE = "FILE"
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class _FileOrCommand(TyperGroup):
    """What is no command of the family is a file: `import trades.csv` beside `import list`; a file named list is `./list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the unnamed command before a file or its options."""
        named = {*self.commands, *ctx.help_option_names} - {_FILE}
        return super().parse_args(ctx, [_FILE, *args] if args and args[0] not in named else args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Leave the unnamed command's name out of how it is called in its help."""
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == _FILE else name, command, rest


setattr(_FileOrCommand, UNNAMED, _FILE)

app = typer.Typer(
    cls=_FileOrCommand,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Import entries from a CSV or XLSX file: `metrifly import FILE --portfolio NAME` shows what is in it and asks; "
    "`metrifly import --template FILE` writes one to fill in; `metrifly import FILE --help` lists all options. "
    "A file named list or undo is ./list or ./undo.",
)


@app.command(_FILE)
@of_account
def import_file(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A .csv or .xlsx file.", show_default=False)
    ] = None,
    *,
    portfolio: Annotated[
        str | None,
        typer.Option("--portfolio", metavar="NAME", help="Where rows without a connection count: name or id."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Store what is new without asking.")] = False,
    template: Annotated[
        Path | None,
        typer.Option(
            "--template", metavar="FILE", help="Write a new .csv or .xlsx to fill in, with every column explained."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what is in a file, and store it after a yes.

    New, there already, or unreadable: each row is one of them. The same file again adds nothing. Ends with status 1 if any row could not
    be read.
    """
    if template is not None and file is None:
        _write_template(context, template)
        return
    if file is None or portfolio is None or template is not None:
        lacking = "--portfolio is missing: " if file is not None and template is None else ""
        raise typer.BadParameter(
            f"{lacking}say `metrifly import FILE --portfolio NAME`, or `metrifly import --template FILE`"
        )
    with opened(context) as product:
        preview = product.importing.preview(product.account, file, portfolio)
        if as_json:
            stored = product.importing.apply(preview) if apply and preview.new else None
            print_json(import_preview.as_json(product, preview, stored))
        else:
            import_preview.show(preview)
            _store(context, product, preview, file, apply=apply)
    if preview.unreadable:
        raise typer.Exit(1)


@app.command("list")
@of_account
def list_imports(context: typer.Context, as_json: Json = False) -> None:
    """List imports, those that were taken back too."""
    with opened(context) as product:
        found = product.importing.every(product.account)
        names = {each.id: each.name for each in product.control.portfolios(product.account)}
    if as_json:
        print_json([_json(each, names) for each in found])
        return
    if not found:
        say("Nothing was imported from a file yet. `metrifly import --template FILE` writes one to fill in.")
        return
    columns = [Col("import", whole=True), Col("imported (UTC)", whole=True), Col("portfolio"), Col("file")]
    columns += [Col("rows", right=True), Col("state", whole=True)]
    table(
        columns,
        [(i.id, i.imported_at, names[i.portfolio], i.file_name, f"{i.rows:,}", _state(i)) for i in found],
    )


@app.command()
@of_account
def undo(
    context: typer.Context,
    imported: Annotated[str, typer.Argument(metavar="IMPORT", help="The id that `metrifly import list` shows.")],
    as_json: Json = False,
) -> None:
    """Take back what an import added and nobody changed since."""
    with opened(context) as product:
        undone = product.importing.undo(product.account, imported)
    if as_json:
        print_json(
            {
                "import": undone.taken.id,
                "deleted": undone.deleted,
                "changed_since": undone.changed_since,
                "deleted_before": undone.deleted_before,
            }
        )
        return
    _say_undone(context, undone)


def _write_template(context: typer.Context, file: Path) -> None:
    with opened(context) as product:
        product.importing.write_template(file)
    say(f"Wrote {file}. Fill it in, a row for each entry; then:")
    say(f"  {next_command(context, f'metrifly import {shlex.quote(str(file))} --portfolio NAME')}")


def _store(context: typer.Context, product: "Product", preview: "Preview", file: Path, *, apply: bool) -> None:
    if not preview.new:
        say("There is nothing new to store.")
        return
    if not apply and not _agreed(context, preview, file):
        say("Nothing was stored.")
        raise typer.Exit(1)
    made = product.importing.apply(preview)
    say(f"Imported {count(made.rows, 'row')} as {made.id}. The published tables show them with the next publish.")
    missing = len(preview.new) - made.rows
    if missing:
        say(f"Left out: {count(missing, 'row')} that somebody else imported meanwhile.")
    say(f"To take all of it back: `{next_command(context, f'metrifly import undo {made.id}')}`.")
    opened_on = {row.draft.place.connection for row in preview.new if row.draft.kind is EntryKind.OPENING_BALANCE}
    say_what_stays(product, sorted(filter(None, opened_on)))


def _agreed(context: typer.Context, preview: "Preview", file: Path) -> bool:
    left_out = f" and leave out the {len(preview.unreadable):,} that can't be read" if preview.unreadable else ""
    question = f"Store {count(len(preview.new), 'new row')}{left_out}?"
    try:
        return doors_of(context).ask_yes(question)
    except RefusedError:
        again = shlex.join(["metrifly", "import", str(file), "--portfolio", preview.portfolio.name, "--apply"])
        raise RefusedError(f"Nothing was stored: there is no terminal to answer on. To store it: `{again}`") from None


def _say_undone(context: typer.Context, undone: "Undone") -> None:
    taken = undone.taken
    say(
        f"Took back {taken.id} ({taken.file_name}): {undone.deleted:,} of {count(taken.rows, 'entry', 'entries')} deleted; every "
        "version is kept. The published tables show it with the next publish."
    )
    if undone.deleted_before:
        say(f"Deleted by hand before: {count(undone.deleted_before, 'entry', 'entries')}.")
    if undone.changed_since:
        shown = ", ".join(undone.changed_since[:20]) + (", ..." if len(undone.changed_since) > 20 else "")  # noqa: PLR2004 - a few lines
        say(
            f"Kept: {count(len(undone.changed_since), 'entry', 'entries')} that somebody changed after the import: {shown}. "
            f"`{next_command(context, 'metrifly record delete ENTRY')}` deletes one."
        )


def _state(imported: "Import") -> str:
    return "stands" if imported.undone_at is None else f"taken back {imported.undone_at:%Y-%m-%d}"


def _json(imported: "Import", names: dict[Any, str]) -> dict[str, object]:
    return {
        "import": imported.id,
        "portfolio": names[imported.portfolio],
        "portfolio_id": imported.portfolio,
        "file": imported.file_name,
        "rows": imported.rows,
        "imported_at": imported.imported_at,
        "imported_by": imported.imported_by,
        "undone_at": imported.undone_at,
    }
