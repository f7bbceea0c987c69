"""The local exchange of a home: what made it (so that it comes back the same), where it listens, and how to reach it."""

import fcntl
import json
import random
import socket
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.settings import Settings, share_environment

ADMIN = "admin"
TRADES = {"kraken": 1500, "binance": 1500, "okx": 800}
"""How many trades the made-up accounts have."""
DEMO_SCALE = 1000.0
"""Limits are multiplied by it on both sides, so that a demo takes seconds; the limits themselves stay in force."""
HOST = "127.0.0.1"
_KEPT_PORTS = range(20_000, 32_000)
"""Ports that are kept are chosen here: below those that systems lend to outgoing connections, which might have one when it is needed again."""
_PORT_TRIALS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExchange:
    """Everything that the same seed needs to give the same history on the same ports."""

    seed: int
    made_at_us: int
    scale: float
    trades: Mapping[str, int]
    ports: Mapping[str, int] = field(default_factory=dict)
    """By exchange, and `admin`; empty until it has listened once."""

    @classmethod
    def new(cls, seed: int | None, made_at_us: int, scale: float = DEMO_SCALE) -> Self:
        """A new one."""
        chosen = random.SystemRandom().getrandbits(31) if seed is None else seed
        return cls(seed=chosen, made_at_us=made_at_us, scale=scale, trades=TRADES)

    @classmethod
    def read(cls, home: Path) -> Self | None:
        """The one that this home has, or None."""
        place = sandbox_file(home)
        if not place.exists():
            return None
        try:
            return cls(**json.loads(place.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise RefusedError(f"{place} can't be read. Delete it to begin with a new local exchange.") from None

    def write(self, home: Path) -> None:
        """Keep it."""
        home.mkdir(parents=True, exist_ok=True)
        beside = sandbox_file(home).with_suffix(".new")
        beside.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        beside.replace(sandbox_file(home))

    def base_url(self, exchange: str) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.ports[exchange]}"

    def ask(self, path: str) -> Any:
        """Read from the admin port: `health`, `truth`, `requests`.

        Raises:
            OSError: Nothing answers there.
        """
        with urllib.request.urlopen(f"{self.base_url(ADMIN)}/{path}", timeout=30) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    @property
    def answers(self) -> bool:
        """Whether it listens."""
        try:
            return bool(self.ports) and self.ask("health") is not None
        except (urllib.error.URLError, OSError, ValueError):
            return False


def settings_of_home() -> Settings:
    """The settings; in the home of a local exchange, with its scale: one factor for both sides, also in this process's children."""
    settings = Settings()
    known = LocalExchange.read(settings.home.absolute())
    if known is None or "limit_scale" in settings.model_fields_set:
        return settings
    share_environment({"METRIFLY_LIMIT_SCALE": str(known.scale)})
    return Settings()


def sandbox_file(home: Path) -> Path:
    """Where a home keeps seed and ports."""
    return home / "sandbox.json"


class HomeInUseError(RefusedError):
    """Somebody else works in this home."""


@contextmanager
def held(home: Path, name: str = "home") -> Iterator[None]:
    """Hold a lock of this home for the block; the system lets go of it when the process ends, however it ends.

    Raises:
        HomeInUseError: Another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / f"{name}.lock").open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            who = "sandbox serve" if name == "sandbox" else "dev` or `metrifly demo"
            raise HomeInUseError(f"{home} is in use by another `metrifly {who}`.") from None
        yield


def ports_free(ports: Mapping[str, int]) -> bool:
    """Whether a local exchange could listen on these ports."""
    for port in ports.values():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HOST, port))
            except OSError:
                return False
    return True


def ports_to_keep(names: Iterable[str]) -> dict[str, int]:
    """A port for each name on which nobody listens now, and none that the system would lend to somebody meanwhile.

    Raises:
        RefusedError: None is left.
    """
    wanted = list(names)
    for _ in range(_PORT_TRIALS):
        chosen = dict(zip(wanted, random.SystemRandom().sample(_KEPT_PORTS, len(wanted)), strict=True))
        if ports_free(chosen):
            return chosen
    raise RefusedError(
        f"No ports are free between {_KEPT_PORTS.start} and {_KEPT_PORTS.stop}. End what listens on them."
    )


def credentials_of(truth: Mapping[str, Any], exchange: str) -> dict[str, str]:
    """A made-up key of the local exchange that can read and nothing else."""
    account = account_of(truth, exchange)
    return {name: str(account["keys"][0][name]) for name in ("api_key", "secret", "passphrase")}


def account_of(truth: Mapping[str, Any], exchange: str) -> Mapping[str, Any]:
    """The exchange's account in an answer to `truth`."""
    for account in truth["accounts"]:
        if account["exchange"] == exchange:
            return cast("Mapping[str, Any]", account)
    raise RefusedError(f"The local exchange has no account at {exchange}.")
