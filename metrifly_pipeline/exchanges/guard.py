"""Read-only, enforced: what may leave this process towards an exchange, and where it may go."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from metrifly_pipeline.domain.spec import Endpoint
from metrifly_pipeline.domain.trouble import RefusedError

_LOOPBACK = re.compile(r"https?://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")

Route = tuple[tuple[str, ...], str, str]
"""ccxt's section, verb and path template."""


class ReadOnlyViolation(BaseException):
    """Something tried to send a request that no spec allows.

    It derives from BaseException because ccxt swallows Exception in places; it must end the process's work, never be retried.
    """


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The one request that may leave next, exactly as it was signed."""

    url: str
    verb: str
    headers: Mapping[str, str] | None
    body: str | None


def check_base_url(base_url: str) -> str:
    """Take a literal loopback address, without a path (paths are signed); RefusedError for anything else."""
    address = base_url.rstrip("/")
    if _LOOPBACK.fullmatch(address) is None:
        raise RefusedError("A base URL is only for a local exchange: http://127.0.0.1:PORT or http://[::1]:PORT.")
    return address


def origin_of(url: str) -> str:
    """Scheme, host and port; the host in lower case."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def move_urls(urls: Any, base_url: str) -> Any:
    """Rewrite every leaf of ccxt's `urls` to `base_url`, keeping its path; what is no URL stays."""
    if isinstance(urls, dict):
        return {name: move_urls(leaf, base_url) for name, leaf in urls.items()}
    if isinstance(urls, list):
        return [move_urls(leaf, base_url) for leaf in urls]
    if isinstance(urls, str) and "://" in urls:
        _, _, rest = urls.partition("://")
        _, slash, path = rest.partition("/")
        return f"{base_url}{slash}{path}"
    return urls


def leaves(urls: Any) -> Iterable[str]:
    """Every string in ccxt's nested `urls`."""
    if isinstance(urls, dict):
        for leaf in urls.values():
            yield from leaves(leaf)
    elif isinstance(urls, list):
        for leaf in urls:
            yield from leaves(leaf)
    elif isinstance(urls, str):
        yield urls


class ReadOnlyGuard:
    """Lets through the endpoints of one spec, to the hosts of one exchange, each as it was signed and once."""

    __slots__ = ("_local", "_next", "_origins", "_routes")

    def __init__(self, endpoints: Sequence[Endpoint], origins: Iterable[str], base_url: str | None) -> None:
        """Take the allowed endpoints and either the exchange's own origins or the local exchange's address."""
        self._routes: frozenset[Route] = frozenset(
            (sections(endpoint.section), endpoint.verb, endpoint.path) for endpoint in endpoints
        )
        self._local = None if base_url is None else check_base_url(base_url)
        self._origins = frozenset(origins)
        self._next: SignedRequest | None = None

    def allow_route(self, section: Any, verb: str, path: str) -> None:
        """Before signing: deny by default on section, verb and path template."""
        if (sections(section), verb, path) not in self._routes:
            raise ReadOnlyViolation(f"not an allowed read: {verb} {path}")

    def expect(self, request: SignedRequest) -> None:
        """After signing: only exactly this may leave next."""
        self._next = request

    def allow_request(self, request: SignedRequest) -> None:
        """Before sending: the request just signed, once, to the right place."""
        expected, self._next = self._next, None
        if expected is None or request != expected:
            raise ReadOnlyViolation("a request that was not just signed for an allowed read")
        origin = origin_of(request.url)
        if self._local is not None:
            if _LOOPBACK.fullmatch(origin) is None or origin != self._local:
                raise ReadOnlyViolation("a request that leaves the local exchange")
        elif origin not in self._origins or not origin.startswith("https://"):
            raise ReadOnlyViolation("a request to a host that is not this exchange's")


def sections(section: Any) -> tuple[str, ...]:
    """Take ccxt's `api` argument (a string, a list or a tuple) as a tuple."""
    return (section,) if isinstance(section, str) else tuple(section)
