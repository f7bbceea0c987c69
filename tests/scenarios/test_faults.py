"""Whatever an exchange answers wrongly: an error that is told, or waited out; never "nothing new", and nothing lost or doubled by it."""

from datetime import timedelta

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome, Status
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.faults import FaultKind
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.live import append_trade
from tests.scenarios.comparing import assert_exact
from tests.scenarios.homes import NOW, SEED

FOR_EVER = 10**9
MINUTE = timedelta(minutes=1)
BROKEN = (
    FaultKind.HTML_200,
    FaultKind.TRUNCATED_JSON,
    FaultKind.EMPTY_BODY,
    FaultKind.EMPTY_OBJECT,
    FaultKind.UNKNOWN_ENVELOPE,
)
FILLS = {"kraken": "/TradesHistory", "binance": "/myTrades", "okx": "/fills-history"}
DEPOSITS = {"kraken": "/Ledgers", "binance": "/deposit/hisrec", "okx": "/deposit-history"}
CASH = {"kraken": "USD", "binance": "USDT", "okx": "USDT"}


def data_endpoints(home, exchange):
    """Every endpoint that history or balances come from, by path, with what it is asked for; trades first."""
    spec = home.product.gateway.spec(exchange)
    paths = {endpoint.method: endpoint.path for endpoint in spec.endpoints}
    found = {}
    for stream in sorted(spec.streams, key=lambda stream: not stream.required):
        found.setdefault(f"/{paths[stream.endpoint]}", []).append(stream)
    return found


def cursors_of(home, connection, streams):
    """Where these streams stopped, and what is proven of them."""

    def asked(stream, scope):
        return any(each.stream == stream and (scope in each.scopes or not each.scopes) for each in streams)

    control = home.product.control
    stopped = {place: state for place, state in control.cursors(connection).items() if asked(*place)}
    return stopped, [row for row in control.coverage(connection) if asked(row.stream, row.scope)]


def test_a_broken_answer_at_status_200_fails_the_run_moves_nothing_and_loses_nothing(imported, exchange):
    it = imported(exchange)
    known = len(it.account.trades)
    append_trade(it.account, now_us=it.home.time.now_us)
    it.home.time.turn(hours=2)
    endpoints = data_endpoints(it.home, exchange)
    assert len(endpoints) >= 3

    for path, streams in endpoints.items():
        for kind in BROKEN:
            before = cursors_of(it.home, it.connection, streams)
            it.home.fault(exchange, kind, path, times=FOR_EVER)
            run = it.home.sync(it.connection).run
            it.home.mend()
            assert (run.outcome, run.reason) == (Outcome.FAILED, Reason.UNEXPECTED_RESPONSE.value), (path, kind)
            assert cursors_of(it.home, it.connection, streams) == before, (path, kind)
        assert "unexpected_response" in it.home.standing(it.connection)
        assert it.home.view(it.connection).status is Status.DELAYED

    it.home.sync(it.connection)
    assert it.home.product.lake.counts()[it.connection].trades == known + 1
    assert it.home.view(it.connection).status is Status.UP_TO_DATE
    assert "unexpected_response" not in it.home.standing(it.connection)


PASSING = {
    FaultKind.STATUS_500: "",
    FaultKind.STATUS_503: "",
    FaultKind.RESET: "",
    FaultKind.TIMEOUT: "1",
    FaultKind.STATUS_429: "90",
    FaultKind.STATUS_418: "200",
}
"""What passes by itself; of the last two also what they ask of us: seconds to wait."""


def test_what_passes_by_itself_is_waited_out_at_least_as_long_as_asked(imported, exchange):
    it = imported(exchange)
    it.home.product.gateway._timeout = 0.3
    for kind, value in PASSING.items():
        it.home.time.slept.clear()
        fault = it.home.fault(exchange, kind, DEPOSITS[exchange], value=value)

        run = it.home.sync(it.connection).run

        assert fault.times == 0, kind  # it struck
        assert run.outcome is Outcome.NOTHING_NEW, kind
        assert max(it.home.time.slept) >= (float(value) if "status_4" in kind else 0.1), kind

    append_trade(it.account, now_us=it.home.time.now_us)
    it.home.fault(exchange, FaultKind.STATUS_503, FILLS[exchange], times=2)
    assert it.home.sync(it.connection).run.trades_added == 1


def test_a_wait_that_is_too_long_to_sit_out_is_told_and_kept(imported, exchange):
    it = imported(exchange)
    it.home.fault(exchange, FaultKind.STATUS_429, times=FOR_EVER, value="7200")

    report = it.home.sync(it.connection)

    assert (report.run.outcome, report.run.reason) == (Outcome.FAILED, Reason.RATE_LIMITED.value)
    assert sum(it.home.time.slept) < 600
    assert it.home.view(it.connection).status is Status.DELAYED
    retry_at = it.home.product.control.connection(it.connection).retry_at
    assert retry_at >= report.run.finished_at + timedelta(seconds=7200)
    it.home.mend()
    it.home.time.turn(hours=2, minutes=10)
    assert it.connection in {each.connection for each in it.home.daily()}
    assert it.home.view(it.connection).status is Status.UP_TO_DATE


UNREADABLE = (
    ({FaultKind.BAD_ROW_NAN: "NaN"}, {FaultKind.BAD_ROW_DECIMALS: "0.1234567890123456789"}),
    ({FaultKind.BAD_ROW_TIME: "the day before yesterday"}, {FaultKind.BAD_ROW_NULL: "null"}),
)
"""What is wrong with a trade and with a movement of one sync, and what the exchange sent."""


def test_a_row_that_can_not_be_read_is_quarantined_with_its_reason_and_the_rest_lands(home, exchange):
    account = (
        AccountBuilder(exchange, first_at=NOW - timedelta(days=5))
        .with_movement(asset=CASH[exchange], amount="200000")
        .with_fill(market=f"BTC/{CASH[exchange]}", amount="0.25")
    )
    home.start(account)
    connection = home.imported(account)
    for kinds in UNREADABLE:
        home.time.turn(hours=1)
        for _ in range(2):
            account.with_fill(market=f"BTC/{CASH[exchange]}", amount="0.1", at=home.time.now - MINUTE)
            account.with_movement(asset=CASH[exchange], amount="500", at=home.time.now - MINUTE)
        paths = (FILLS[exchange], DEPOSITS[exchange])
        faults = [home.fault(exchange, *kind, path) for kind, path in zip(kinds, paths, strict=True)]

        run = home.sync(connection).run

        assert [fault.times for fault in faults] == [0, 0]
        assert (run.outcome, run.quarantined) == (Outcome.ADDED, 2)
        assert run.trades_added >= 1
        assert run.movements_added >= 1

    home.time.turn(days=7)
    home.sync(connection)  # which reads the last month again, and with it the good copy of each
    home.publish()
    for place, target in enumerate(("trades", "movements")):
        rows = [row for row in home.query("SELECT * FROM quarantine ORDER BY seq") if row["target"] == target]
        for row, kinds in zip(rows, UNREADABLE, strict=True):
            assert next(iter(kinds[place].values())) in row["payload"]
            assert row["reason"]
    assert home.standing(connection)["quarantined_records"].detail == "4 records"
    assert home.published(connection)["status"] == "up_to_date"
    assert_exact(home, connection)


def test_pages_that_repeat_are_an_error_or_told_apart_and_nothing_is_lost_or_doubled(home, exchange):
    account = generate(exchange, SEED, trades=130, now_us=home.time.now_us, span_days=80)
    home.start(account)
    connection = home.connect(account).id
    home.fault(exchange, FaultKind.LOOPING_PAGE, FILLS[exchange], times=FOR_EVER)

    (report,) = home.work()

    assert (report.run.outcome, report.run.reason) == (Outcome.FAILED, Reason.UNEXPECTED_RESPONSE.value)
    assert home.asked().total() < 200  # an end was found
    home.mend()
    fault = home.fault(exchange, FaultKind.DUPLICATE_PAGE, FILLS[exchange], after=1)
    report = home.sync(connection)
    assert fault.times == 0
    if report.run.outcome is Outcome.FAILED:  # the page of another symbol
        assert report.run.reason == Reason.UNEXPECTED_RESPONSE.value
    home.sync(connection)
    home.publish()
    assert_exact(home, connection)


def test_a_permission_that_is_lost_holds_up_its_own_streams_only_and_is_named(imported, exchange):
    it = imported(exchange)
    it.home.change_key(it.account, permissions=it.key.permissions - {"read_ledger"})
    append_trade(it.account, now_us=it.home.time.now_us)
    it.home.time.turn(hours=1)

    report = it.home.sync(it.connection)

    assert (report.run.outcome, report.run.trades_added) == (Outcome.ADDED, 1)
    assert report.balances_added > 0
    refused = {item.stream for item in report.standing if item.reason is Reason.STREAM_NOT_PERMITTED}
    switches = {stream.stream.value: stream.permission for stream in it.home.product.gateway.spec(exchange).streams}
    assert refused >= ({"deposits", "converts", "rewards"} if exchange == "binance" else {"ledger"})
    for item in report.standing:
        if item.reason is Reason.STREAM_NOT_PERMITTED:
            assert item.detail.startswith(item.stream)
            assert item.detail.endswith(f": switch on {switches[item.stream]}")
    assert "fills" not in refused
    assert "balances" not in refused
    assert it.home.view(it.connection).status is Status.UP_TO_DATE
    it.home.sync(it.connection)
    named = [item.detail for item in it.home.product.control.attention(it.connection)]
    assert len(named) == len(set(named))
    changes = it.home.product.control.change_seq()
    it.home.sync(it.connection)
    assert it.home.product.control.change_seq() == changes  # the same refusal again is no news

    it.home.change_key(it.account, permissions=it.key.permissions)
    it.home.sync(it.connection)
    assert "stream_not_permitted" not in it.home.standing(it.connection)
    it.home.publish()
    assert_exact(it.home, it.connection)
