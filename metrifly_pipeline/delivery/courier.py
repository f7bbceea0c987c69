"""Sending messages side by side, each within a bounded time, so that a receiver that hangs holds up nobody else."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from metrifly_pipeline.delivery.signing import signed_headers
from metrifly_pipeline.domain.notifying import ReceiverKind
from metrifly_pipeline.domain.ports import Parcel

if TYPE_CHECKING:
    import aiohttp

SECONDS = 10.0
_GOOD = range(200, 300)
_REDIRECTS = range(300, 400)


class HouseCourier:
    """`domain.ports.Courier`: webhooks over HTTP."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Give each webhook so many seconds in all, whatever it does meanwhile."""
        self._seconds = seconds

    def deliver(self, parcels: Sequence[Parcel]) -> Sequence[str]:
        """Send them side by side; for each why it did not arrive, or nothing where it did."""
        return asyncio.run(self._deliver(parcels)) if parcels else []

    def mail_trouble(self) -> str:
        """Why no e-mail can be sent."""
        return "E-mail can't be sent."

    async def _deliver(self, parcels: Sequence[Parcel]) -> Sequence[str]:
        import aiohttp  # noqa: PLC0415 - it takes half a second, and most commands send nothing

        limits = aiohttp.ClientTimeout(total=self._seconds)
        async with aiohttp.ClientSession(timeout=limits, cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await asyncio.gather(*(self._send(session, parcel) for parcel in parcels))

    async def _send(self, session: "aiohttp.ClientSession", parcel: Parcel) -> str:
        if parcel.kind is not ReceiverKind.WEBHOOK:
            return self.mail_trouble()
        return await self._post(session, parcel)

    async def _post(self, session: "aiohttp.ClientSession", parcel: Parcel) -> str:
        """Only the status of the answer is looked at; what else the receiver says is neither read nor repeated."""
        import aiohttp  # noqa: PLC0415 - see above

        body = parcel.body.encode()
        headers = {"Content-Type": "application/json", "User-Agent": "metrifly"}
        headers |= signed_headers(parcel.secret, parcel.id, parcel.sent_at, body)
        try:
            async with session.post(parcel.address, data=body, headers=headers, allow_redirects=False) as answer:
                return _verdict(answer.status)
        except TimeoutError:
            return f"it did not answer within {self._seconds:g} seconds"
        except aiohttp.ClientSSLError:
            return "its certificate is not trusted"
        except (aiohttp.ClientError, OSError, ValueError):
            return "it could not be reached"


def _verdict(status: int) -> str:
    if status in _GOOD:
        return ""
    if status in _REDIRECTS:
        return f"it answered with a redirect ({status}), which is not followed: give the final address"
    return f"it answered with status {status}"
