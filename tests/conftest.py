"""What every test shares. That the network is loopback only stands in pytest's options in pyproject.toml."""

import gc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kill-hits",
        type=int,
        default=3,
        help="how often a process is killed at each labelled point (make torture: 20)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `hit` runs once for each time a labelled point is to be hit."""
    if "hit" in metafunc.fixturenames:
        metafunc.parametrize("hit", range(1, 1 + metafunc.config.getoption("--kill-hits")))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests early, and not several in what one process is given at once: at the end it would leave the others idle."""
    together = config.getoption("maxschedchunk", None) or 1
    long = [item for item in items if item.get_closest_marker("long") is not None]
    items[:] = [item for item in items if item.get_closest_marker("long") is None]
    for place, item in enumerate(long):
        items.insert(place * together, item)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop() -> Iterator[None]:
    """Keep what was imported, a million objects that stay, out of every garbage collection: they take a tenth of the time."""
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(10_000, *before[1:])
    try:
        return (yield)
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Have a measured figure printed at the end, from whichever process; figures are printed and judged elsewhere, never asserted."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    found = [text for report in reports for name, text in getattr(report, "user_properties", ()) if name == "figure"]
    if found:
        terminalreporter.section("figures")
        for text in dict.fromkeys(found):
            terminalreporter.line(text)
