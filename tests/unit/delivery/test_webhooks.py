"""Webhooks against a real server on this machine: signed, bounded in time, and never led elsewhere."""

from datetime import UTC, datetime

import pytest

from metrifly_pipeline.delivery import HouseCourier
from metrifly_pipeline.domain.notifying import ReceiverKind
from metrifly_pipeline.domain.ports import Parcel
from tests.support.receiving import DRIP, HANG, is_signed, receiving

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "whsec_made-up"


@pytest.fixture
def server():
    with receiving() as made:
        yield made


def parcel(url, number=1):
    return Parcel(
        kind=ReceiverKind.WEBHOOK, address=url, id=f"id-{number}", body='{"at": "ä"}', sent_at=NOW, secret=SECRET
    )


def deliver(*parcels, seconds=0.3):
    return HouseCourier(seconds=seconds).deliver(parcels)


def test_a_message_arrives_signed_over_its_time_and_exact_body_with_its_id(server):
    assert deliver(parcel(server.url), seconds=10) == [""]

    ((headers, body),) = server.got
    assert body == '{"at": "ä"}'.encode()
    assert headers["content-type"] == "application/json"
    assert (headers["metrifly-id"], headers["metrifly-timestamp"]) == ("id-1", str(int(NOW.timestamp())))
    assert is_signed(headers, body, SECRET)
    assert not is_signed(headers, body + b" ", SECRET)
    assert not is_signed(headers | {"metrifly-timestamp": "1"}, body, SECRET)
    assert not is_signed(headers, body, "whsec_another")
    assert SECRET not in str(headers) + body.decode()


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (204, ""),
        (500, "status 500"),
        (404, "status 404"),
        (302, "redirect (302)"),
        (307, "redirect (307)"),
        (HANG, "did not answer within 0.3 seconds"),
        (DRIP, "did not answer within 0.3 seconds"),
    ],
)
def test_what_a_receiver_does_becomes_a_few_words_and_a_redirect_is_not_followed(server, answer, trouble):
    server.answers = [answer]

    (said,) = deliver(parcel(server.url))

    assert trouble in said
    assert bool(said) == bool(trouble)
    assert len(server.got) == 1


def test_a_receiver_that_hangs_holds_up_nobody_beside_it(server):
    with receiving() as hanging:
        hanging.answers = [HANG]

        first, *others = deliver(parcel(hanging.url), *(parcel(server.url, number) for number in range(2, 6)))

    assert "did not answer" in first
    assert others == [""] * 4


def test_a_receiver_that_is_not_there_could_not_be_reached(server):
    with receiving() as gone:
        pass

    assert deliver(parcel(gone.url), parcel(server.url)) == ["it could not be reached", ""]
    assert deliver() == []
    assert deliver(parcel(server.url.replace("http:", "https:")))[0]  # no TLS there


def test_a_parcel_does_not_print_its_secret():
    assert SECRET not in repr(parcel("https://example.com"))
