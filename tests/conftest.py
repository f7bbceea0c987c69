"""What every test shares. That the network is loopback only stands in pytest's options in pyproject.toml."""

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


@pytest.fixture(scope="session")
def kill_hits(request: pytest.FixtureRequest) -> int:
    """How often to kill a process at each labelled point."""
    return int(request.config.getoption("--kill-hits"))
