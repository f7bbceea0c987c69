"""What `metrifly health --prometheus` prints, read by a parser that refuses whatever the text exposition format does."""

import re
from datetime import timedelta

import pytest

from metrifly_pipeline.cli.health import prometheus
from metrifly_pipeline.domain.health import Check, HealthReport, Measure, Objective
from tests.scenarios.homes import NOW
from tests.scenarios.looking import NAMES, Looking

LINE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
LABEL = re.compile(r'(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?P<value>(?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def parsed(text):
    """Samples by name and labels; refuses whatever the text exposition format does."""
    assert text.endswith("\n")
    samples, helped, typed, family = {}, set(), set(), None
    for line in text[:-1].split("\n"):
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            seen = {"HELP": helped, "TYPE": typed}[word]
            assert name not in seen, line
            seen.add(name)
            assert rest == "gauge" if word == "TYPE" else rest
            family = name
            continue
        found = LINE.fullmatch(line)
        assert found, line
        assert found["name"] == family, "samples of a family stand together, after its HELP and TYPE"
        assert family in helped & typed
        labels, rest = [], found["labels"] or ""
        while rest:
            label = LABEL.match(rest)
            assert label, rest
            value = re.sub(r"\\(.)", lambda sign: {"n": "\n"}.get(sign[1], sign[1]), label["value"])
            labels.append((label["name"], value))
            rest = rest[label.end() :]
        place = (family, tuple(labels))
        assert place not in samples, place
        samples[place] = float(found["value"])
    return samples


def test_prometheus_is_told_all_that_programs_are_told(home, capsys):
    look = Looking(home.start(), capsys)
    look.changed = {"beat_at": NOW - timedelta(seconds=200)}
    told = look.json("metrifly health", status=1)

    look("metrifly health --prometheus", status=1)

    samples = parsed(look.printed)
    assert samples[("metrifly_health", (("check", "daemon"),))] == 0
    assert samples[("metrifly_health", (("check", "disk"),))] == 1
    assert samples[("metrifly_daemon_beat_age_seconds", ())] == 200
    every = {
        (f"metrifly_{each['name']}", tuple(each["labels"].items()))
        for check in told["checks"]
        for each in check["measures"]
    }
    verdicts = {("metrifly_health", (("check", name),)) for name in NAMES}
    assert set(samples) == every | verdicts


def test_whatever_stands_in_a_label_is_escaped():
    strange = 'a "b" \\ c\nd, e="f"}'
    measure = Measure(name="strange", help="Two\nlines \\ of help.", value=0.5, labels=(("id", strange), ("x", "")))
    check = Check(name="one", ok=True, text="", measures=(measure,))
    report = HealthReport(at=NOW, checks=[check], objective=Objective(expected=0, checked=0))

    samples = parsed(prometheus(report))

    assert samples[("metrifly_strange", (("id", strange), ("x", "")))] == 0.5


def test_the_parser_refuses_what_is_not_escaped():
    head = "# HELP a b\n# TYPE a gauge\n"
    assert parsed(head + 'a{b="c"} 1\n')
    for wrong in ('a{b="c"d"} 1\n', "b 1\n", 'a{b="c"} 1', "a 1\na 2\n", "a one two\n"):
        with pytest.raises(AssertionError):
            parsed(head + wrong)
