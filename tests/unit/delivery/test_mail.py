"""E-mail against a real mail server on this machine."""

import json
import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from metrifly_pipeline.delivery import HouseCourier
from metrifly_pipeline.delivery.mail import NO_SENDER, NO_SERVER, WRONG_URL
from metrifly_pipeline.domain.notifying import ReceiverKind
from metrifly_pipeline.domain.ports import Parcel
from tests.support.mailing import mail_server
from tests.support.receiving import HANG, receiving

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENDER = "metrifly@example.com"
PASSWORD = "p@ss/word:1"
BODY = json.dumps(
    {
        "type": "connection.needs_attention",
        "account": "ann",
        "connection": "kraken-abcd1234",
        "label": "Großmutters\nErspartes",
        "status": "needs_attention",
        "attention": [
            {"level": "action", "title": "The key ended", "detail": "on 2026-02-28", "remedy": "Run it.", "new": True},
            {"level": "notice", "title": "Old part gone", "detail": "", "remedy": "Record it.", "new": False},
        ],
        "cured": [],
    }
)


@pytest.fixture
def server():
    with mail_server() as made:
        yield made


def parcel(number=1, address="ann@example.com", body=BODY, kind=ReceiverKind.EMAIL):
    return Parcel(kind=kind, address=address, id=f"id-{number}", body=body, sent_at=NOW)


def deliver(url, *parcels, sender=SENDER):
    return list(HouseCourier(url, sender, seconds=0.3).deliver(parcels or [parcel()]))


def test_a_mail_says_what_is_the_matter_and_what_to_do_with_one_id_for_every_try(server):
    assert deliver(server.url()) == [""]
    assert deliver(server.url()) == [""]

    mail, again = server.mails
    assert (mail["From"], mail["To"]) == (SENDER, "ann@example.com")
    assert mail["Subject"] == "Metrifly: kraken-abcd1234 needs attention"
    assert mail["Message-ID"] == again["Message-ID"] == "<id-1@example.com>"
    assert mail["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    text = mail.get_content().replace("\r\n", "\n")
    assert "kraken-abcd1234 (Großmutters Erspartes) of account ann: needs attention." in text
    assert "Needs attention: The key ended (on 2026-02-28).\n    Run it." in text
    assert "Notice, as before: Old part gone.\n    Record it." in text


def test_what_the_server_refuses_is_said_in_our_words_and_the_others_go_on(server):
    server.refused = "gone@example.com"

    said = deliver(server.url(), parcel(1, "gone@example.com"), parcel(2))

    assert said == ["the mail server refused the address", ""]
    assert [mail["To"] for mail in server.mails] == ["ann@example.com"]
    server.answers = ["451 planted words of the server"]
    assert deliver(server.url()) == ["the mail server answered with code 451"]


def test_name_and_password_are_given_where_they_are_set():
    with mail_server("robot", PASSWORD) as server:
        right = "robot:p%40ss%2Fword%3A1@"

        assert deliver(server.url(right)) == [""]
        (refused,) = deliver(server.url("robot:wrong@"))
        (without,) = deliver(server.url())

        assert refused == "the mail server refused the name or password of METRIFLY_SMTP_URL"
        assert without
        assert len(server.mails) == 1


def test_a_mail_server_that_hangs_or_is_gone_holds_up_no_webhook(server):
    with socket.create_server(("127.0.0.1", 0)) as silent, receiving() as hooks:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        hook = parcel(2, hooks.url, kind=ReceiverKind.WEBHOOK)

        assert deliver(url, parcel(1), hook) == [
            "the mail server broke off, or did not answer within 0.3 seconds",
            "",
        ]
        hooks.answers = [HANG]
        assert deliver(server.url(), hook, parcel(1)) == ["it did not answer within 0.3 seconds", ""]
    assert deliver(url) == ["the mail server could not be reached"]


def test_a_server_that_speaks_no_tls_is_not_taken_for_one_that_does(server):
    assert deliver(server.url().replace("smtp:", "smtps:"))[0]
    assert server.mails == []


def test_a_password_goes_over_tls_or_stays_on_this_machine():
    with mail_server("robot", "word") as server:
        abroad = server.url("robot:word@").replace(
            "127.0.0.1", "127.1"
        )  # this machine, but not by a name that proves it

        (said,) = deliver(abroad)

        assert said == "the mail server offers no TLS, so the password is not sent to it"
        assert server.logins == []
        assert deliver(server.url("robot:word@")) == [""]
        assert server.logins == [b"robot"]


def test_a_mail_server_whose_certificate_nobody_trusts_gets_neither_password_nor_mail(tmp_path):
    with mail_server("robot", "word", certificate=self_signed(tmp_path)) as server:
        (said,) = deliver(server.url("robot:word@"))

        assert said.startswith("the mail server's certificate is not trusted")
        assert (server.logins, server.mails) == ([], [])


def self_signed(folder):
    """A key and a certificate that says that it is this machine's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(NOW - timedelta(days=9)).not_valid_after(NOW + timedelta(days=9_999))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(pem))
    return file


@pytest.mark.parametrize(
    ("url", "sender", "trouble"),
    [
        (None, SENDER, NO_SERVER),
        ("http://127.0.0.1:25", SENDER, WRONG_URL),
        ("smtp://", SENDER, WRONG_URL),
        ("smtp://host:port", SENDER, WRONG_URL),
        ("smtp://host/path", SENDER, WRONG_URL),
        ("smtp://127.0.0.1:25", "", NO_SENDER),
        ("smtp://127.0.0.1:25", "nobody", NO_SENDER),
    ],
)
def test_settings_that_can_not_work_are_named(url, sender, trouble):
    assert HouseCourier(url, sender).mail_trouble() == trouble
    assert deliver(url, sender=sender) == [trouble]


def test_settings_that_can_work_are_no_trouble():
    for url in ("smtp://host", "smtps://user:pass@host", "smtp://[::1]:25/"):
        assert HouseCourier(url, SENDER).mail_trouble() == ""
