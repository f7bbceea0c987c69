"""E-mail through the operator's own mail server; the standard library speaks to it."""

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from metrifly_pipeline.domain.messages import mail_of
from metrifly_pipeline.domain.notifying import email_address, is_loopback
from metrifly_pipeline.domain.ports import Parcel
from metrifly_pipeline.domain.trouble import RefusedError

NO_SERVER = (
    "No mail server is set, so no e-mail can be sent. Set METRIFLY_SMTP_URL to smtp://HOST:PORT (smtps:// for TLS from the start, "
    "USER:PASSWORD@ before the host where it wants that) and METRIFLY_SMTP_FROM to the address that mails come from, for `metrifly dev` "
    "too. Or be told by webhook: `metrifly notify add webhook URL`."
)
NO_SENDER = "METRIFLY_SMTP_FROM must be the address that mails come from, such as metrifly@example.com."
WRONG_URL = "METRIFLY_SMTP_URL is not usable: it must be smtp://HOST:PORT or smtps://HOST:PORT, with USER:PASSWORD@ before the host if needed."
_PORTS = {"smtp": 587, "smtps": 465}


class _NoTlsError(Exception):
    """A password would have gone over the net in the open."""


_WORDS: dict[type[Exception], str] = {
    _NoTlsError: "the mail server offers no TLS, so the password is not sent to it",
    smtplib.SMTPAuthenticationError: "the mail server refused the name or password of METRIFLY_SMTP_URL",
    smtplib.SMTPSenderRefused: "the mail server refused the sender, METRIFLY_SMTP_FROM",
    smtplib.SMTPRecipientsRefused: "the mail server refused the address",
    ssl.SSLError: "the mail server's certificate is not trusted, or it speaks no TLS there",
    TimeoutError: "the mail server did not answer within {seconds} seconds",
    smtplib.SMTPServerDisconnected: "the mail server broke off, or did not answer within {seconds} seconds",
    ValueError: "it could not be written as a mail",
    smtplib.SMTPNotSupportedError: "the mail server lacks what a mail needs",
}
_UNREACHABLE = "the mail server could not be reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    host: str
    port: int
    tls: bool
    user: str = field(repr=False)
    password: str = field(repr=False)


class Mailer:
    """Sends mails, all of one call over one connection."""

    def __init__(self, url: str | None, sender: str, seconds: float) -> None:
        """Take the settings as they are; what is wrong with them is said when a mail is to be sent."""
        self._url = url
        self._sender = sender.strip()
        self._seconds = seconds

    def trouble(self) -> str:
        """Why no mail can be sent with these settings; empty where one can."""
        if self._url is None:
            return NO_SERVER
        if _server(self._url) is None:
            return WRONG_URL
        try:
            email_address(self._sender)
        except RefusedError:
            return NO_SENDER
        return ""

    def send(self, parcels: Sequence[Parcel]) -> list[str]:
        """Send each; for each why the mail server did not take it, or nothing where it did."""
        server = None if self._url is None or self.trouble() else _server(self._url)
        if server is None:
            return [self.trouble()] * len(parcels)
        said: list[str] = []
        try:
            with self._connected(server) as smtp:
                said += (self._hand_over(smtp, parcel) for parcel in parcels)
        except (smtplib.SMTPException, OSError, _NoTlsError) as error:
            said += [self._in_words(error)] * (len(parcels) - len(said))
        return said

    @contextmanager
    def _connected(self, server: _Server) -> Iterator[smtplib.SMTP]:
        trusted = ssl.create_default_context()
        own = self._sender.rpartition("@")[2]  # without a name to say, smtplib asks DNS for one
        where, seconds = (server.host, server.port), self._seconds
        smtp = (
            smtplib.SMTP_SSL(*where, local_hostname=own, timeout=seconds, context=trusted)
            if server.tls
            else smtplib.SMTP(*where, local_hostname=own, timeout=seconds)
        )
        try:
            smtp.ehlo()
            encrypted = server.tls
            if not encrypted and smtp.has_extn("starttls"):
                smtp.starttls(context=trusted)
                encrypted = True
            if server.user:
                if not encrypted and not is_loopback(server.host):
                    raise _NoTlsError
                smtp.login(server.user, server.password)
            yield smtp
        finally:
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()

    def _hand_over(self, smtp: smtplib.SMTP, parcel: Parcel) -> str:
        try:
            smtp.send_message(self._mail(parcel))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return self._in_words(error)
        return ""

    def _mail(self, parcel: Parcel) -> EmailMessage:
        subject, text = mail_of(parcel.body)
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = parcel.address
        mail["Subject"] = subject
        mail["Date"] = format_datetime(parcel.sent_at)
        # The same at every try: programs show a mail that came twice once.
        mail["Message-ID"] = f"<{parcel.id}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text)
        return mail

    def _in_words(self, error: Exception) -> str:
        """What the mail server itself said may hold anything, and is not repeated."""
        if isinstance(error, smtplib.SMTPResponseException) and not isinstance(error, tuple(_WORDS)):
            return f"the mail server answered with code {error.smtp_code}"
        words = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), _UNREACHABLE)
        return words.format(seconds=f"{self._seconds:g}")


def _server(url: str) -> _Server | None:
    """What the address says; None where it can't be used."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return _Server(host=parts.hostname, port=port, tls=parts.scheme == "smtps", user=user, password=password)
