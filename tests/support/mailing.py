"""A mail server on this machine, which keeps what it got and refuses what a test says."""

import email
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from metrifly_pipeline.cli.local_exchange import ports_to_keep


@dataclass
class MailServer:
    """What arrived, how to answer the next mails, and which name and password count."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """What to say to the next mails instead of taking them."""
    refused: str = ""
    """An address that is not taken."""
    logins: list[bytes] = field(default_factory=list)
    """Names that somebody tried to log in with."""
    closed: bool = False
    """Whether only those may send who logged in."""

    def url(self, login: str = "") -> str:
        return f"smtp://{login}127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: object, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.closed and not session.authenticated:
            return "530 log in first"
        if address == self.refused:
            return "550 planted words of the server"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        mail = email.message_from_bytes(envelope.content, policy=default)
        self.mails.append(mail)
        return "250 OK"


@contextmanager
def mail_server(user: str = "", password: str = "", certificate: Path | None = None) -> Iterator[MailServer]:
    """Serve; with a user only who logs in with that password may send, with a certificate STARTTLS is offered."""
    made = MailServer(closed=bool(user))

    def check(_server: object, _session: object, _envelope: object, _mechanism: str, data: object) -> AuthResult:
        made.logins.append(getattr(data, "login", b""))
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False)

    made.port = ports_to_keep(["mail"])["mail"]
    login: dict[str, object] = {"auth_require_tls": False, "authenticator": check} if user else {}
    if certificate is not None:
        login["tls_context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        login["tls_context"].load_cert_chain(certificate)
    controller = Controller(made, hostname="127.0.0.1", port=made.port, **login)
    controller.start()
    try:
        yield made
    finally:
        controller.stop()
