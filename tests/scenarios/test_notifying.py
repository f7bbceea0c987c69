"""People are told once when a connection's state changes, whatever their receiver does, and never what a key is."""

import dataclasses

import pytest

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.delivery import HouseCourier
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.services.notifying import HOLD, Delivered
from metrifly_pipeline.settings import Settings
from tests.scenarios.homes import other
from tests.scenarios.scanning import find_in, find_under, forms_of
from tests.support.receiving import HANG, is_signed, receiving

ATTENTION, NOTICE, CURED = "connection.needs_attention", "connection.notice", "connection.cured"


@pytest.fixture
def server():
    with receiving() as made:
        yield made


@dataclasses.dataclass
class Told:
    """An imported connection whose account has a webhook."""

    it: object
    server: object
    secret: str

    @property
    def notifying(self):
        return self.it.home.product.notifying

    def publish(self):
        """What follows a sync: publish, then send; the messages that arrived."""
        self.it.home.publish()
        self.notifying.deliver()
        return self.server.taken()

    def break_secret(self):
        self.it.home.change_key(self.it.account, secret=other(self.it.key.secret))
        return self.it.home.sync(self.it.connection)

    def mend(self):
        self.it.home.change_key(self.it.account, secret=self.it.key.secret)
        return self.it.home.sync(self.it.connection)


@pytest.fixture
def told(imported, server):
    it = imported("kraken")
    it.home.publish()  # what an import says by itself is told before anybody listens
    _receiver, secret = it.home.product.notifying.add_webhook(it.home.product.account, server.url)
    it.home.product.notifying._courier = HouseCourier(seconds=1.0)
    return Told(it, server, secret)


def reasons(message):
    return {item["reason"] for item in message["attention"] if item["new"]}


def test_one_message_a_change_of_state_and_none_for_what_goes_on_as_before(told):
    assert told.publish() == []
    told.break_secret()

    (first,) = told.publish()
    assert (first["type"], first["status"], reasons(first)) == (ATTENTION, "needs_attention", {"secret_wrong"})
    assert f"`metrifly replace-key {told.it.connection}`" in first["attention"][0]["remedy"]

    told.it.home.sync(told.it.connection)
    assert told.publish() == []

    del told.it.account.keys[told.it.key.api_key]
    told.it.home.sync(told.it.connection)
    (changed,) = told.publish()
    assert (changed["type"], reasons(changed)) == (ATTENTION, {"key_invalid"})

    told.it.account.keys[told.it.key.api_key] = told.it.key
    assert told.it.home.sync(told.it.connection).run.outcome is Outcome.NOTHING_NEW
    (last,) = told.publish()
    assert (last["type"], last["status"]) == (CURED, "up_to_date")
    assert [item["reason"] for item in last["cured"]] == ["key_invalid"]
    assert len({message["id"] for message in (first, changed, last)}) == 3

    told.it.home.sync(told.it.connection)
    assert told.publish() == []


def test_an_acknowledged_notice_is_told_neither_when_it_stands_nor_when_it_goes(told):
    home, connection = told.it.home, told.it.connection
    control = home.product.control
    gap = Finding(reason=Reason.COVERAGE_GAP, detail="fills: nothing in May")
    control.replace_findings(connection, "test", [gap], home.time.now)
    home.product.acknowledging.acknowledge(connection, "coverage_gap", "known")
    assert told.publish() == []

    control.replace_findings(
        connection, "test", [dataclasses.replace(gap, detail="fills: nothing in June")], home.time.now
    )
    (again,) = told.publish()
    assert (again["type"], again["status"], reasons(again)) == (NOTICE, "up_to_date", {"coverage_gap"})

    home.product.acknowledging.acknowledge(connection, "coverage_gap", "known, too")
    control.replace_findings(connection, "test", [], home.time.now)
    assert told.publish() == []


def test_a_receiver_that_fails_twice_gets_it_once_with_one_id_and_a_fresh_signature_each_time(told, server):
    told.break_secret()
    server.answers = [500, 500]
    told.it.home.publish()
    results = []

    for _ in range(5):
        results.append(told.notifying.deliver())
        told.it.home.time.turn(minutes=5)

    failed, arrived, nothing = (Delivered(delivered=a, failed=b) for a, b in ((0, 1), (1, 0), (0, 0)))
    assert results == [failed, failed, arrived, nothing, nothing]
    assert len({message["id"] for message in server.messages}) == 1
    assert len({headers["metrifly-timestamp"] for headers, _body in server.got}) == 3
    assert all(is_signed(headers, body, told.secret) for headers, body in server.got)
    assert {headers["metrifly-id"] for headers, _body in server.got} == {server.messages[0]["id"]}


def test_before_its_time_has_come_a_failed_message_is_not_sent_again(told, server):
    told.break_secret()
    server.answers = [500]
    told.it.home.publish()
    told.notifying.deliver()

    told.it.home.time.turn(seconds=20)
    assert told.notifying.deliver() == Delivered(delivered=0, failed=0)
    told.it.home.time.turn(seconds=20)
    assert told.notifying.deliver() == Delivered(delivered=1, failed=0)


@pytest.mark.parametrize("died_sending", [False, True])
def test_a_restart_between_two_tries_loses_nothing(told, server, died_sending):
    home = told.it.home
    told.break_secret()
    home.publish()
    if died_sending:
        home.product.control.claim_notifications(home.time.now, 20, HOLD)
    else:
        server.answers = [500]
        told.notifying.deliver()
    server.taken()
    home.time.turn(minutes=2)

    settings = Settings(home=home.folder, limit_scale=1e6)
    with open_product(settings, clock=home.time.clock, sleep=home.time.sleep) as again:
        assert again.notifying.deliver() == Delivered(delivered=1, failed=0)

    ((headers, body),) = server.got
    assert is_signed(headers, body, told.secret)
    assert server.messages[0]["type"] == ATTENTION


def test_a_receiver_that_hangs_costs_no_sync_and_is_tried_again(told, server):
    told.notifying._courier = HouseCourier(seconds=0.2)
    server.answers = [HANG]
    told.break_secret()
    told.it.home.publish()

    assert told.notifying.deliver() == Delivered(delivered=0, failed=1)
    (kept,) = told.notifying.every(told.it.home.product.account)
    assert (kept.waiting, kept.trouble) == (1, "it did not answer within 0.2 seconds")
    assert told.mend().run.outcome is Outcome.NOTHING_NEW
    told.it.home.time.turn(minutes=1)
    server.taken()
    assert [message["type"] for message in told.publish()] == [ATTENTION, CURED]


def test_a_receiver_that_never_answers_well_is_given_up_after_a_day_or_so(told, server):
    told.break_secret()
    told.it.home.publish()
    tries = 0

    for _hour in range(72):
        server.answers = [503]
        tries += told.notifying.deliver().failed
        told.it.home.time.turn(hours=1)

    assert tries == 10
    (kept,) = told.notifying.every(told.it.home.product.account)
    assert (kept.waiting, kept.trouble) == (0, "it answered with status 503")


def test_without_the_master_key_a_message_waits_until_it_is_back(told):
    file = told.it.home.folder / "vault" / "master.key"
    told.break_secret()
    told.it.home.publish()
    aside = file.rename(file.with_name("aside"))
    assert told.notifying.deliver() == Delivered(delivered=0, failed=1)
    assert told.server.got == []

    aside.rename(file)
    told.it.home.time.turn(minutes=1)

    assert told.notifying.deliver() == Delivered(delivered=1, failed=0)


def test_no_key_is_in_a_message_and_the_webhooks_secret_is_in_no_file(told):
    told.break_secret()
    told.it.home.publish()
    told.notifying.deliver()
    key, wrong = told.it.key, other(told.it.key.secret)

    sent = b"".join(str(headers).encode() + body for headers, body in told.server.got)
    assert told.it.connection.encode() in sent
    for planted in (key.api_key, key.secret, wrong, told.secret):
        assert find_in(sent, forms_of(planted)) == set()
        assert find_under(told.it.home.folder, forms_of(planted)) == {}
    # The control: a webhook's address lies there in the open, and is found.
    assert find_under(told.it.home.folder, forms_of(told.server.url))
