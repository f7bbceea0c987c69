"""The server: each exchange on a loopback port of its own (paths are signed), and one admin port beside them."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType
from typing import Self

from aiohttp import web

from metrifly_pipeline.sandbox import dialects
from metrifly_pipeline.sandbox.admin import admin_app
from metrifly_pipeline.sandbox.dialects import Dialect, Venue
from metrifly_pipeline.sandbox.faults import Fault, FaultKind, Faults
from metrifly_pipeline.sandbox.truth import TruthAccount
from metrifly_pipeline.sandbox.wire import Request, Response

HOST = "127.0.0.1"
ADMIN = "admin"
"""The name of the admin port among `ports`."""


class Sandbox:
    """Local exchanges in a thread of their own; a context manager.

    `accounts` may be changed while it serves: hold `lock` for what must be seen as one change, and call the account's
    `touch()` after replacing something inside a list.
    """

    def __init__(
        self,
        accounts: Sequence[TruthAccount],
        *,
        seed: int,
        clock: Callable[[], float],
        scale: float = 1.0,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        """Prepare, without listening yet.

        Args:
            accounts: One or more per exchange; only their exchanges are served.
            seed: Source of everything made up while serving.
            clock: The exchanges' clock, unix seconds.
            scale: Every rate limit is multiplied by it.
            ports: By exchange name, and `admin`; what is missing gets a free port.
        """
        self.accounts = list(accounts)
        self.seed = seed
        self.clock = clock
        self.scale = scale
        self.requests: Counter[tuple[str, str]] = Counter()
        """How often each (exchange, "METHOD /path") was asked."""
        self.faults = Faults()
        self.lock = threading.RLock()
        self._wanted_ports = dict(ports or {})
        self._ports: dict[str, int] = {}
        self._venues = {name: self._venue(name) for name in dict.fromkeys(a.exchange for a in self.accounts)}
        self._dialects = {name: dialects.build(venue) for name, venue in self._venues.items()}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread: threading.Thread | None = None

    def _venue(self, exchange: str) -> Venue:
        own = [account for account in self.accounts if account.exchange == exchange]
        return Venue(exchange=exchange, accounts=own, seed=self.seed, scale=self.scale)

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The exchanges it serves."""
        return tuple(self._dialects)

    @property
    def ports(self) -> dict[str, int]:
        """The ports it listens on, by exchange and `admin`."""
        return dict(self._ports)

    @property
    def admin_url(self) -> str:
        """Where truth, counters and faults are."""
        return self.base_url(ADMIN)

    def base_url(self, exchange: str) -> str:
        """Where this exchange listens: `http://127.0.0.1:PORT`, without a path because paths are signed."""
        return f"http://{HOST}:{self._ports[exchange]}"

    def truth(self, exchange: str, uid: str | None = None) -> TruthAccount:
        """An account's ledger of truth; without a uid the exchange's first account.

        Raises:
            KeyError: There is no such account.
        """
        for account in self.accounts:
            if account.exchange == exchange and uid in {None, account.uid}:
                return account
        raise KeyError(f"{exchange} has no account {uid}")

    def add_account(self, account: TruthAccount) -> None:
        """Serve one more account of an exchange that is served already.

        Raises:
            KeyError: The exchange isn't served.
        """
        with self.lock:
            self._venues[account.exchange].accounts.append(account)
            self.accounts.append(account)

    def add_fault(self, exchange: str, path: str, kind: FaultKind, *, times: int = 1, value: str = "") -> Fault:
        """Let the next requests to that path go wrong."""
        fault = Fault(exchange=exchange, path=path, kind=kind, times=times, value=value)
        with self.lock:
            self.faults.add(fault)
        return fault

    def start(self) -> None:
        """Serve in an own thread; returns when every port listens.

        Raises:
            OSError: A wanted port is in use.
        """
        listening: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listening)), name="sandbox", daemon=True)
        self._thread.start()
        listening.result()

    def stop(self) -> None:
        """Stop serving; open requests are cut off."""
        if self._loop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self, listening: "Future[None]") -> None:
        self._loop = asyncio.get_running_loop()
        runners: list[web.AppRunner] = []
        try:
            for name, dialect in self._dialects.items():
                app = web.Application()
                app.router.add_route("*", "/{path:.*}", _Port(self, dialect).answer)
                runners.append(await self._listen(name, app))
            runners.append(await self._listen(ADMIN, admin_app(self)))
        except OSError as error:
            listening.set_exception(error)
        else:
            listening.set_result(None)
            await self._stopping.wait()
        for runner in runners:
            await runner.cleanup()

    async def _listen(self, name: str, app: web.Application) -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.05)
        await runner.setup()
        site = web.TCPSite(runner, HOST, self._wanted_ports.get(name, 0))
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._ports[name] = runner.addresses[0][1]
        return runner


class _Port:
    """Answers the requests of one exchange's port."""

    def __init__(self, sandbox: Sandbox, dialect: Dialect) -> None:
        self._sandbox = sandbox
        self._dialect = dialect
        self._routes = dialect.routes()

    async def answer(self, http: web.Request) -> web.StreamResponse:
        """Read, let the dialect answer, let a fault spoil it, send."""
        sandbox = self._sandbox
        body = await http.read()
        path, _, query = http.raw_path.partition("?")
        with sandbox.lock:
            sandbox.requests[self._dialect.name, f"{http.method} {path}"] += 1
            fault = sandbox.faults.take(self._dialect.name, path)
            request = Request(
                method=http.method,
                path=path,
                query_string=query,
                headers={name.lower(): value for name, value in http.headers.items()},
                body=body,
                client_ip=http.remote or "",
                now=sandbox.clock(),
            )
            if fault is not None and fault.kind is FaultKind.CLOCK_SKEW:
                request = replace(request, now=request.now + float(fault.value))
            handler = self._routes.get((request.method, path), self._dialect.unknown)
            response = sandbox.faults.spoil(fault, self._dialect, request, handler(request))
        return await _send(http, fault, response)


async def _send(http: web.Request, fault: Fault | None, response: Response) -> web.StreamResponse:
    if fault is not None and fault.kind is FaultKind.TIMEOUT:
        await asyncio.sleep(float(fault.value or "30"))
    if fault is None or fault.kind is not FaultKind.RESET:
        return web.Response(status=response.status, body=response.body, headers=response.headers)
    broken = web.StreamResponse(status=200, headers={**response.headers, "Content-Length": str(len(response.body))})
    await broken.prepare(http)
    await broken.write(response.body[: len(response.body) // 2])
    if http.transport is not None:
        http.transport.abort()
    return broken
