"""Nothing but the reads of a spec leaves this process, and only to the right place."""

import pickle
import traceback

import ccxt
import pytest

from metrifly_pipeline.domain.trouble import ExchangeTroubleError, RefusedError
from metrifly_pipeline.exchanges import catalog
from metrifly_pipeline.exchanges.client import client_class
from metrifly_pipeline.exchanges.guard import ReadOnlyViolation, check_base_url, move_urls, sections
from tests.unit.exchanges.conftest import API_KEY, BASE_URL, PASSPHRASE, SECRET, FakeAnswer


def implicit_methods(exchange):
    """Every endpoint that ccxt knows of an exchange: its name, section, verb and path."""
    for name in dir(exchange):
        entry = getattr(exchange, name, None)
        entry = getattr(entry, "__func__", None)
        cells = getattr(entry, "__closure__", None) or ()
        for cell in cells:
            if type(cell.cell_contents).__name__ == "Entry":
                yield name, cell.cell_contents


class Recorder:
    """Takes the place of ccxt's own connection in the unguarded control."""

    trust_env = False

    def __init__(self):
        self.sent = 0
        self.cookies = {}
        self.headers = {}

    def request(self, *_args, **_options):
        self.sent += 1
        raise ConnectionResetError

    def close(self):
        pass


def allowed(exchange):
    return {(sections(e.section), e.verb, e.path) for e in catalog.hooks(exchange).spec.endpoints}


def everything_but_reads(client, exchange):
    reads = allowed(exchange)
    for name, entry in implicit_methods(client):
        if (sections(entry.api), entry.method, entry.path) not in reads:
            yield name


def test_no_endpoint_outside_the_spec_sends_anything(opened, exchange):
    it = opened(exchange)
    it.wire.always = lambda _method, _url: FakeAnswer()
    names = list(everything_but_reads(it.client, exchange))

    for name in names:
        with pytest.raises(ReadOnlyViolation):
            getattr(it.client, name)({"symbol": "BTCUSDT", "coin": "BTC", "amount": "1"})

    assert len(names) > 30
    assert it.wire.sent == []


def test_without_the_guard_the_same_calls_are_sent(exchange):
    """The control: what the guard holds back is real."""
    unguarded = getattr(ccxt, exchange)(
        {"apiKey": API_KEY, "secret": SECRET, "password": PASSPHRASE, "enableRateLimit": False}
    )
    unguarded.session.close()
    unguarded.session = Recorder()
    for name in everything_but_reads(unguarded, exchange):
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it raises, what counts is what was sent
            getattr(unguarded, name)({"symbol": "BTCUSDT", "coin": "BTC", "amount": "1"})

    assert unguarded.session.sent > 20


def test_unified_methods_that_write_send_nothing(opened, exchange):
    it = opened(exchange)
    it.wire.always = lambda _method, _url: FakeAnswer()
    for name in ("create_order", "cancel_order", "withdraw", "transfer", "cancel_all_orders", "create_deposit_address"):
        arguments = {
            "create_order": ("BTC/USDT", "market", "buy", 1),
            "withdraw": ("BTC", 1, "address"),
            "transfer": ("BTC", 1, "spot", "funding"),
            "cancel_order": ("1", "BTC/USDT"),
        }.get(name, ("BTC/USDT",))
        with pytest.raises(BaseException):  # noqa: B017, PT011 - ccxt may stop earlier, for want of markets
            getattr(it.client, name)(*arguments)

    assert it.wire.sent == []


def test_a_violation_passes_through_an_except_exception():
    assert not issubclass(ReadOnlyViolation, Exception)


def test_a_request_that_was_not_just_signed_is_held_back(opened):
    it = opened()
    it.wire.put({"error": [], "result": {"unixtime": 1}})
    it.client.publicGetTime()  # the control: this one was signed by its own read

    with pytest.raises(ReadOnlyViolation):
        it.client.fetch(f"{BASE_URL}/0/public/Time")
    assert len(it.wire.sent) == 1


def test_a_request_that_was_changed_after_signing_is_held_back(opened):
    it = opened()
    signed = it.client.metrifly_sign("TradesHistory", "private", "POST", {"ofs": "50"})
    it.client.metrifly_guard.expect(signed)

    with pytest.raises(ReadOnlyViolation):
        it.client.fetch(signed.url, signed.verb, signed.headers, signed.body.replace("ofs=50", "ofs=51"))
    assert it.wire.sent == []


def test_the_place_is_checked_again_at_every_request(opened):
    local, real = opened(), opened(base_url=None)
    local.client.urls["api"]["public"] = "https://api.kraken.com"
    real.client.urls["api"]["public"] = "https://api.kraken.com.example.org"

    for it in (local, real):
        with pytest.raises(ReadOnlyViolation):
            it.client.publicGetTime()
        assert it.wire.sent == []


def test_a_real_exchange_is_asked_by_https_at_its_own_host(opened, exchange):
    it = opened(exchange, base_url=None)
    for origin in it.client.metrifly_guard._origins:
        assert origin.startswith("https://")
        assert exchange[:3] in origin
    it.client.urls["api"] = {name: str(url).replace("https", "http") for name, url in it.client.urls["api"].items()}
    endpoint = catalog.hooks(exchange).spec.endpoints[0]

    with pytest.raises(ReadOnlyViolation):
        getattr(it.client, endpoint.method)()
    assert it.wire.sent == []


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8000",
        "http://127.0.0.1.nip.io",
        "http://127.0.0.2:1",
        "http://0.0.0.0:1",
        "http://[::]:1",
        "https://api.kraken.com",
        "http://127.0.0.1:80/path",
        "http://user@127.0.0.1",
        "http://127.0.0.1:80?x=1",
        "127.0.0.1:1",
        "http://127.0.0.1@evil.example",
        "",
        "file:///etc/passwd",
        "http://127.0.0.1:80#x",
        "http://127.0.0.1\n.evil.example",
    ],
)
def test_a_base_url_is_literal_loopback_or_refused(gateway, address):
    with pytest.raises(RefusedError):
        check_base_url(address)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8101", "http://[::1]:8101", "http://127.0.0.1", "http://127.0.0.1:1/"]
)
def test_literal_loopback_is_taken(address):
    assert check_base_url(address) == address.rstrip("/")


def test_every_leaf_of_the_urls_moves_and_keeps_its_path():
    moved = move_urls(
        {"api": {"a": "https://x.com/v1", "b": ["https://{hostname}/y/z"]}, "word": "no url", "none": None}, BASE_URL
    )

    assert moved == {"api": {"a": f"{BASE_URL}/v1", "b": [f"{BASE_URL}/y/z"]}, "word": "no url", "none": None}


def test_clients_and_sessions_are_never_pickled(opened):
    it = opened()
    for thing in (it.session, it.client):
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def test_a_session_tells_nothing_of_its_secrets(opened):
    it = opened()
    it.wire.put({"error": ["EAPI:Invalid key:" + API_KEY], "result": {}})
    with pytest.raises(ExchangeTroubleError) as caught:
        it.session.probe()
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)

    for secret in (API_KEY, SECRET, PASSPHRASE):
        assert secret not in text + repr(it.session) + "".join(bucket for bucket, _, _ in it.budget.taken)


def test_the_guarded_class_lets_ccxt_neither_throttle_nor_speak(opened, exchange):
    it = opened(exchange)
    assert client_class(exchange) is type(it.client)
    assert it.client.enableRateLimit is False
    assert it.client.verbose is False
    assert it.client.number is str
