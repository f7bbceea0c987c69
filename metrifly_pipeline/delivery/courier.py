"""Sending messages side by side, each within a bounded time, so that a receiver that hangs holds up nobody else."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from metrifly_pipeline.delivery.mail import Mailer
from metrifly_pipeline.delivery.signing import signed_headers
from metrifly_pipeline.domain.notifying import ReceiverKind
from metrifly_pipeline.domain.ports import Parcel

if TYPE_CHECKING:
    import aiohttp

SECONDS = 10.0
_GOOD = range(200, 300)
_REDIRECTS = range(300, 400)


class HouseCourier:
    """`domain.ports.Courier`: webhooks over HTTP, e-mail through a mail server."""

    def __init__(self, smtp_url: str | None = None, smtp_from: str = "", seconds: float = SECONDS) -> None:
        """Give each webhook so many seconds in all, whatever it does meanwhile, and the mail server so many for each answer."""
        self._seconds = seconds
        self._mailer = Mailer(smtp_url, smtp_from, seconds)

    def deliver(self, parcels: Sequence[Parcel]) -> Sequence[str]:
        """Send them side by side; for each why it did not arrive, or nothing where it did."""
        return asyncio.run(self._deliver(parcels)) if parcels else []

    def mail_trouble(self) -> str:
        """Why no e-mail can be sent, with what to set; empty where a mail server is set."""
        return self._mailer.trouble()

    async def _deliver(self, parcels: Sequence[Parcel]) -> Sequence[str]:
        mails = [parcel for parcel in parcels if parcel.kind is ReceiverKind.EMAIL]
        hooks = [parcel for parcel in parcels if parcel.kind is ReceiverKind.WEBHOOK]
        posted, mailed = await asyncio.gather(self._post_all(hooks), asyncio.to_thread(self._mailer.send, mails))
        said = {ReceiverKind.WEBHOOK: iter(posted), ReceiverKind.EMAIL: iter(mailed)}
        return [next(said[parcel.kind]) for parcel in parcels]

    async def _post_all(self, parcels: Sequence[Parcel]) -> Sequence[str]:
        if not parcels:
            return []
        import aiohttp  # noqa: PLC0415 - it takes half a second, and most commands send nothing

        limits = aiohttp.ClientTimeout(total=self._seconds)
        async with aiohttp.ClientSession(timeout=limits, cookie_jar=aiohttp.DummyCookieJar()) as session:
            said = await asyncio.gather(*(self._post(session, parcel) for parcel in parcels), return_exceptions=True)
        return [_in_words(each) for each in said]

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


def _in_words(said: str | BaseException) -> str:
    """One message that can't be sent for a reason nobody thought of must not hold up the others, for ever."""
    return said if isinstance(said, str) else "it could not be sent, by a fault of Metrifly itself"


def _verdict(status: int) -> str:
    if status in _GOOD:
        return ""
    if status in _REDIRECTS:
        return f"it answered with a redirect ({status}), which is not followed: give the final address"
    return f"it answered with status {status}"
