"""A headless Chromium, told what to do over its debugging protocol: how long a page takes until it shows what it is opened for."""

import asyncio
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp

NAME = "chromium"
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.05
REST_SECONDS = 1.0
"""Between two pages, so that what the first one still asks for does not burden the second."""


class Browser:
    """One tab. Not for several tasks at once."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncIterator[Self]:
        """Start one for the block.

        Raises:
            FileNotFoundError: There is no Chromium on this machine.
            TimeoutError: It does not start.
        """
        program = shutil.which(NAME)
        if program is None:
            raise FileNotFoundError(f"there is no {NAME} here; Debian's package of that name is enough")
        with tempfile.TemporaryDirectory(prefix="metrifly-browser-", ignore_cleanup_errors=True) as profile:
            options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000")
            process = await asyncio.create_subprocess_exec(
                program,
                *options,
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                port = await _port(Path(profile))
                async with aiohttp.ClientSession() as session:
                    async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                        tab = next(each for each in await answer.json() if each["type"] == "page")
                    async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                        yield cls(socket)
            finally:
                process.terminate()
                await process.wait()

    async def seconds_until(self, url: str, shown: str) -> float:
        """Open a page; how long it takes until its text holds `shown` and nothing of it is loading any more.

        Raises:
            TimeoutError: It does not.
        """
        await self._tell("Page.navigate", {"url": "about:blank"})
        await asyncio.sleep(REST_SECONDS)
        begun = time.perf_counter()
        await self._tell("Page.navigate", {"url": url})
        while (passed := time.perf_counter() - begun) < PATIENCE_SECONDS:
            text = await self._text()
            if shown in text and "Loading" not in text:
                return time.perf_counter() - begun
            await asyncio.sleep(LOOK_SECONDS)
        raise TimeoutError(f"{url} does not show {shown!r} after {passed:.0f} s")

    async def _text(self) -> str:
        found = await self._tell("Runtime.evaluate", {"expression": "document.body ? document.body.innerText : ''"})
        return str(found.get("result", {}).get("value", ""))

    async def _tell(self, method: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": given})
        async for message in self._socket:
            answer = json.loads(message.data)
            if answer.get("id") == number:
                return dict(answer.get("result", {}))
        raise ConnectionError("the browser is gone")


async def _port(profile: Path) -> int:
    """Where it listens: it writes that down when it does.

    Raises:
        TimeoutError: It does not.
    """
    told = profile / "DevToolsActivePort"
    begun = time.perf_counter()
    while time.perf_counter() - begun < PATIENCE_SECONDS:
        if told.exists() and (lines := told.read_text().splitlines()):
            return int(lines[0])
        await asyncio.sleep(LOOK_SECONDS)
    raise TimeoutError(f"{NAME} does not listen after {PATIENCE_SECONDS:.0f} s")
