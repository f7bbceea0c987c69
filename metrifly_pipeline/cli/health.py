"""`metrifly health`: whether the pipeline is well, for people, for programs and for Prometheus."""

from collections.abc import Iterable
from typing import Annotated

import typer

from metrifly_pipeline.cli.acting import settings_for
from metrifly_pipeline.cli.doors import doors_of, opened
from metrifly_pipeline.cli.render import item, print_json, say
from metrifly_pipeline.domain.health import Check, HealthReport, Measure
from metrifly_pipeline.domain.trouble import RefusedError

RED = 1
_PREFIX = "metrifly_"


def show_health(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_prometheus: Annotated[bool, typer.Option("--prometheus", help="Print Prometheus' text format.")] = False,
) -> None:
    """Tell whether all is well, and what to do where it isn't."""
    if as_json and as_prometheus:
        raise RefusedError("One form at a time: `metrifly health --json` or `metrifly health --prometheus`.")
    signs = doors_of(context).dagster_signs(settings_for(context, doors_of(context).settings()))
    with opened(context) as product:
        report = product.health.report(signs)
    if as_json:
        print_json(_as_json(report))
    elif as_prometheus:
        typer.echo(prometheus(report), nl=False)
    else:
        _show(report)
    if not report.ok:
        raise typer.Exit(RED)


def _show(report: HealthReport) -> None:
    for check in report.checks:
        say(f"{'ok ' if check.ok else 'RED'} {check.name}: {check.text}.")
        if check.remedy:
            item(check.remedy, indent=4)


def _as_json(report: HealthReport) -> dict[str, object]:
    return {
        "ok": report.ok,
        "at": report.at,
        "objective": {
            "expected": report.objective.expected,
            "checked": report.objective.checked,
            "share": report.objective.share,
            "held": report.objective.held,
        },
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "text": check.text,
                "remedy": check.remedy,
                "measures": [
                    {"name": each.name, "value": each.value, "labels": dict(each.labels)} for each in check.measures
                ],
            }
            for check in report.checks
        ],
    }


def prometheus(report: HealthReport) -> str:
    """The text exposition format 0.0.4: each family once, with HELP and TYPE before its samples."""
    families: dict[str, list[Measure]] = {}
    for measure in (*_verdicts(report.checks), *(each for check in report.checks for each in check.measures)):
        families.setdefault(measure.name, []).append(measure)
    lines = []
    for name, samples in families.items():
        lines += [f"# HELP {_PREFIX}{name} {_escaped(samples[0].help)}", f"# TYPE {_PREFIX}{name} gauge"]
        lines += [f"{_PREFIX}{name}{_labels(each)} {each.value!r}" for each in samples]
    return "\n".join(lines) + "\n"


def _verdicts(checks: Iterable[Check]) -> Iterable[Measure]:
    for check in checks:
        labels = (("check", check.name),)
        yield Measure(
            name="health", help="1 where a check is fine, 0 where it is red.", value=int(check.ok), labels=labels
        )


def _labels(measure: Measure) -> str:
    pairs = ",".join(f'{name}="{_escaped(value, quoted=True)}"' for name, value in measure.labels)
    return f"{{{pairs}}}" if pairs else ""


def _escaped(text: str, *, quoted: bool = False) -> str:
    """A backslash and a line's end, in a label's value also a quotation mark, as the format wants them."""
    plain = text.replace("\\", r"\\").replace("\n", r"\n")
    return plain.replace('"', r"\"") if quoted else plain
