"""OKX as data. Sources are named beside each fact; nothing here was checked against a real exchange account yet."""

from datetime import UTC, datetime, timedelta

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.spec import (
    Coverage,
    CredentialField,
    Endpoint,
    ErrorRule,
    ExchangeSpec,
    Guide,
    Limit,
    StreamSpec,
    Surface,
)
from metrifly_pipeline.domain.streams import Paging, Stream

OPENED = datetime(2013, 1, 1, tzinfo=UTC)
"""OKCoin, from which OKX came, opened in 2013; no record can be older."""

THREE_MONTHS = timedelta(days=89)
"""What fills and bills go back: the shortest three months there are. Older history is limited; the archive is a file job elsewhere."""

STATUS_CHANGES = timedelta(days=3)
"""Deposits and withdrawals are read again this long: their state changes while their time stays."""

READ = "Permissions - Read"

# Between these ids and times lies what is asked for, both left out: "records earlier than (after), newer than (before) the requested ts".
BY_TIME = {"start": "before", "end": "after", "limit": "limit"}
BY_ID = {"start": "begin", "end": "end", "after": "after", "limit": "limit"}


def _private(method: str, path: str, bucket: str) -> Endpoint:
    return Endpoint(method=method, section="private", verb="GET", path=path, bucket=bucket)


def _fills(kind: str, *, required: bool) -> StreamSpec:
    """Executions of one instrument type; OKX wants the type named."""
    return StreamSpec(
        stream=Stream.FILLS,
        endpoint="privateGetTradeFillsHistory",
        paging=Paging.ID_BACKWARDS,
        page_size=100,
        rows_path="data",
        id_field="billId",
        time_field="ts",
        time_unit="ms",
        scopes=(kind,),
        retention=THREE_MONTHS,
        history_starts=OPENED,
        fixed={"instType": kind},
        names=BY_ID,
        permission=READ,
        required=required,
    )


def _by_time(stream: Stream, endpoint: str, id_field: str, overlap: timedelta) -> StreamSpec:
    """A history of the funding account, newest first, cut out by time."""
    return StreamSpec(
        stream=stream,
        endpoint=endpoint,
        paging=Paging.HALVED_WINDOW,
        page_size=100,
        rows_path="data",
        id_field=id_field,
        time_field="ts",
        time_unit="ms",
        exclusive=("start", "end"),
        history_starts=OPENED,
        names=BY_TIME,
        overlap=overlap,
        permission=READ,
    )


def _snapshot(endpoint: str, rows_path: str, wallet: str, compare: tuple[str, ...]) -> StreamSpec:
    """The balances of one wallet; what only follows prices (eqUsd, uTime) makes no new record."""
    return StreamSpec(
        stream=Stream.BALANCES,
        endpoint=endpoint,
        paging=Paging.SNAPSHOT,
        page_size=0,
        rows_path=rows_path,
        id_field="ccy",
        time_field="",
        time_unit="",
        scopes=(wallet,),
        compare=("ccy", *compare),
        permission=READ,
    )


def _means(code: str, reason: Reason, *, retry: bool = False) -> ErrorRule:
    return ErrorRule(code=code, pattern="", reason=reason, retry=retry)


SPEC = ExchangeSpec(
    name="okx",
    title="OKX",
    credentials=(
        CredentialField(name="api_key", label="API key"),
        CredentialField(name="secret", label="Secret key"),
        CredentialField(name="passphrase", label="Passphrase"),
    ),
    surfaces=(
        Surface(name="spot", coverage=Coverage.COVERED, note="fills of the last three months; older ones by file"),
        Surface(
            name="margin",
            coverage=Coverage.COVERED,
            note="cross margin: fills; interest and liquidations from the bills",
        ),
        Surface(
            name="isolated margin", coverage=Coverage.BY_HAND, note="its fills are read as if they were cross margin"
        ),
        Surface(name="convert", coverage=Coverage.COVERED, note="from convert/history; small balances from the bills"),
        Surface(name="deposits and withdrawals of crypto", coverage=Coverage.COVERED),
        Surface(name="trading account bills", coverage=Coverage.COVERED, note="interest, airdrops, fees; three months"),
        Surface(
            name="futures, swaps and options",
            coverage=Coverage.BY_HAND,
            note="what they add to and take from the cash balance is covered by the bills, their trades are not",
        ),
        Surface(name="earn, staking, loans", coverage=Coverage.BY_HAND, note="they pay into the funding account"),
        Surface(name="buy and sell for money, P2P", coverage=Coverage.BY_HAND),
        Surface(
            name="trading bots, copy trading", coverage=Coverage.BY_HAND, note="transfers to and from them are covered"
        ),
        Surface(name="OKX Wallet and DEX", coverage=Coverage.NOT_VISIBLE),
        Surface(
            name="sub-accounts",
            coverage=Coverage.NOT_VISIBLE,
            note="transfers are covered; connect each with a key of its own",
        ),
        Surface(
            name="OKX EEA and OKX US",
            coverage=Coverage.NOT_VISIBLE,
            note="my.okx.com and app.okx.com have keys of their own",
        ),
    ),
    endpoints=(
        Endpoint(method="publicGetPublicTime", section="public", verb="GET", path="public/time", bucket="time"),
        Endpoint(
            method="publicGetPublicInstruments",
            section="public",
            verb="GET",
            path="public/instruments",
            bucket="instruments",
        ),
        _private("privateGetAccountConfig", "account/config", "config"),
        _private("privateGetTradeFillsHistory", "trade/fills-history", "fills"),
        _private("privateGetAccountBillsArchive", "account/bills-archive", "bills"),
        _private("privateGetAssetDepositHistory", "asset/deposit-history", "deposits"),
        _private("privateGetAssetWithdrawalHistory", "asset/withdrawal-history", "withdrawals"),
        _private("privateGetAssetConvertHistory", "asset/convert/history", "converts"),
        _private("privateGetAccountBalance", "account/balance", "balance"),
        _private("privateGetAssetBalances", "asset/balances", "funding"),
        _private("privateGetAssetAssetValuation", "asset/asset-valuation", "valuation"),
    ),
    streams=(
        _fills("SPOT", required=True),
        _fills("MARGIN", required=False),
        StreamSpec(
            stream=Stream.LEDGER,
            endpoint="privateGetAccountBillsArchive",
            paging=Paging.ID_BACKWARDS,
            page_size=100,
            rows_path="data",
            id_field="billId",
            time_field="ts",
            time_unit="ms",
            retention=THREE_MONTHS,
            history_starts=OPENED,
            names=BY_ID,
            # The account's own ledger, written in the order of its ids: nothing comes late into it, and a fill has several bills.
            overlap=timedelta(hours=1),
            permission=READ,
        ),
        _by_time(Stream.DEPOSITS, "privateGetAssetDepositHistory", "depId", STATUS_CHANGES),
        _by_time(Stream.WITHDRAWALS, "privateGetAssetWithdrawalHistory", "wdId", STATUS_CHANGES),
        _by_time(Stream.CONVERTS, "privateGetAssetConvertHistory", "tradeId", timedelta(days=1)),
        _snapshot("privateGetAccountBalance", "data.0.details", "spot", ("cashBal", "availBal", "frozenBal")),
        _snapshot("privateGetAssetBalances", "data", "funding", ("bal", "availBal", "frozenBal")),
    ),
    errors=(
        # Source: okx.com/docs-v5, error codes, API class and general class.
        _means("50105", Reason.PASSPHRASE_WRONG),
        _means("50104", Reason.PASSPHRASE_WRONG),  # empty
        _means("50111", Reason.KEY_INVALID),
        _means("50103", Reason.KEY_INVALID),  # empty
        _means("50119", Reason.KEY_INVALID),  # "API key doesn't exist": deleted, run out, or of OKX EEA or US
        _means("50101", Reason.KEY_INVALID),  # a key of demo trading
        _means("50114", Reason.KEY_INVALID),
        _means("50113", Reason.SECRET_WRONG),
        _means("50106", Reason.SECRET_WRONG),  # empty
        _means("50110", Reason.IP_NOT_ALLOWED),
        _means("50035", Reason.IP_NOT_ALLOWED),  # the endpoint wants a key that is bound to IPs
        _means("50120", Reason.PERMISSION_MISSING),
        _means("50102", Reason.CLOCK_SKEW, retry=True),
        _means("50112", Reason.CLOCK_SKEW, retry=True),
        _means("50107", Reason.CLOCK_SKEW, retry=True),
        _means("50011", Reason.RATE_LIMITED, retry=True),
        _means("50061", Reason.RATE_LIMITED, retry=True),
        _means("429", Reason.RATE_LIMITED, retry=True),
        _means("50007", Reason.ACCOUNT_RESTRICTED),
        _means("50008", Reason.ACCOUNT_RESTRICTED),
        _means("50009", Reason.ACCOUNT_RESTRICTED),
        _means("50012", Reason.ACCOUNT_RESTRICTED),
        _means("50027", Reason.ACCOUNT_RESTRICTED),
        _means("50100", Reason.ACCOUNT_RESTRICTED),  # API frozen
        _means("50121", Reason.ACCOUNT_RESTRICTED),  # not from this country
        _means("50001", Reason.MAINTENANCE),
        _means("50004", Reason.EXCHANGE_DOWN, retry=True),  # endpoint timeout
        _means("50005", Reason.EXCHANGE_DOWN, retry=True),  # API offline
        _means("50013", Reason.EXCHANGE_DOWN, retry=True),  # busy
        _means("50026", Reason.EXCHANGE_DOWN, retry=True),  # system error
    ),
    limits={
        # Calls in two seconds, each endpoint by itself, of one user id (public ones of one IP): 10 fills, 5 bills, 12 of the funding account,
        # 10 balance, 5 config, 20 instruments. They slide, so a full bucket and what two seconds refill may together not exceed them,
        # also where one answer takes a tenth of a second longer than the next.
        # Source: okx.com/docs-v5, the limit named at each endpoint.
        "fills": Limit(capacity=2, per_second=3.8, shared_by="key"),
        "bills": Limit(capacity=1, per_second=1.9, shared_by="key"),
        "deposits": Limit(capacity=2, per_second=4.0, shared_by="key"),
        "withdrawals": Limit(capacity=2, per_second=4.0, shared_by="key"),
        "converts": Limit(capacity=2, per_second=4.0, shared_by="key"),
        "balance": Limit(capacity=2, per_second=3.8, shared_by="key"),
        "funding": Limit(capacity=2, per_second=4.0, shared_by="key"),
        "valuation": Limit(capacity=1, per_second=0.4, shared_by="key"),  # one in two seconds
        "config": Limit(capacity=1, per_second=1.9, shared_by="key"),
        "instruments": Limit(capacity=4, per_second=7.6, shared_by="ip"),
        "time": Limit(capacity=2, per_second=4.0, shared_by="ip"),
    },
    guide=Guide(
        steps=(
            "Sign in at okx.com, point at the profile icon and open API (https://www.okx.com/account/my-api).",
            "Click Create API key, choose API trading as its purpose and give it a name that tells it apart, such as Metrifly.",
            "Choose a passphrase for the key and note it: OKX can't show it again, and it isn't your login password.",
            "Under Permissions tick Read and nothing else.",
            "Under IP address add the allowed IPs shown here. Read-only keys without IPs stay valid, but with IPs they are safer.",
            "Confirm, and copy API key and secret key at once: the secret key is not shown again.",
        ),
        switch_on=(READ,),
        switch_off=("Permissions - Trade", "Permissions - Withdraw"),
        secret_shown_once=True,
        source="okx.com, help, API FAQ; okx.com/docs-v5, overview, creating an API key",
    ),
    source="okx.com/docs-v5 (trade, trading account, funding account, error codes); ccxt 4.5.90",
    settle=timedelta(seconds=60),
)
