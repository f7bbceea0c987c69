"""Binance as data. Sources are named beside each fact; nothing here was checked against a real exchange account yet."""

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

OPENED = datetime(2017, 7, 14, tzinfo=UTC)
"""Binance opened for trading on this day; no record can be older."""

CONVERT_OPENED = datetime(2019, 7, 1, tzinfo=UTC)
"""Convert began as an OTC portal in the second half of 2019; the day isn't documented, so this is earlier than it can be."""

DUST_KEPT_SINCE = datetime(2020, 12, 1, tzinfo=UTC)
"""The dust log shows nothing older. Source: developers.binance.com, DustLog: "Only return records after 2020/12/01"."""

PAYMENTS_OPENED = datetime(2019, 1, 1, tzinfo=UTC)
"""Cards came to Binance at the end of January 2019."""

SPAN = {"start": "startTime", "end": "endTime"}
"""The driver's words (left) and Binance's (right). Both bounds belong to the span."""

STATUS_CHANGES = timedelta(days=3)
"""Deposits and withdrawals are read again this long: their status changes while their time stays."""

READING = "Enable Reading"


def _sapi(method: str, path: str, *, verb: str = "GET", weight: int = 1, bucket: str = "sapi_ip") -> Endpoint:
    return Endpoint(method=method, section="sapi", verb=verb, path=path, weight=weight, bucket=bucket)


def _means(code: str, reason: Reason, *, retry: bool = False) -> ErrorRule:
    return ErrorRule(code=code, pattern="", reason=reason, retry=retry)


def _payments(scope: str, kind: str) -> StreamSpec:
    """Crypto bought or sold for money, by balance or card; the two sides are asked apart."""
    return StreamSpec(
        stream=Stream.CONVERTS,
        endpoint="sapiGetFiatPayments",
        paging=Paging.HALVED_WINDOW,
        page_size=500,
        rows_path="data",
        id_field="orderNo",
        time_field="createTime",
        time_unit="ms",
        scopes=(scope,),
        window=timedelta(days=89),  # undocumented; rotki asks 90 days at a time
        history_starts=PAYMENTS_OPENED,
        fixed={"transactionType": kind},
        names={"start": "beginTime", "end": "endTime", "limit": "rows"},
        overlap=STATUS_CHANGES,
        permission=READING,
    )


SPEC = ExchangeSpec(
    name="binance",
    title="Binance",
    credentials=(
        CredentialField(name="api_key", label="API Key"),
        # HMAC secrets are one line; RSA and Ed25519 keys are PEM blocks, which ccxt signs with as well.
        CredentialField(name="secret", label="Secret Key", multiline=True),
    ),
    surfaces=(
        Surface(name="spot", coverage=Coverage.COVERED, note="order-book trades, from myTrades, symbol by symbol"),
        Surface(name="convert", coverage=Coverage.COVERED, note="from convert/tradeFlow"),
        Surface(name="buy and sell for money", coverage=Coverage.COVERED, note="from fiat/payments"),
        Surface(name="small balances to BNB", coverage=Coverage.COVERED, note="the dust log begins in December 2020"),
        Surface(name="deposits and withdrawals of crypto", coverage=Coverage.COVERED),
        Surface(name="rewards, airdrops and distributions", coverage=Coverage.COVERED, note="from asset/assetDividend"),
        Surface(
            name="Simple Earn",
            coverage=Coverage.COVERED,
            note="bonus rewards, and flexible products while they stand in the spot wallet as LD codes; locked ones by hand",
        ),
        Surface(
            name="Simple Earn, real-time interest",
            coverage=Coverage.BY_HAND,
            note="asset/assetDividend leaves it out; the balance shows what lacks",
        ),
        Surface(
            name="deposits and withdrawals of money",
            coverage=Coverage.BY_HAND,
            note="fiat/orders weighs half of what an exchange account may ask in a minute",
        ),
        Surface(name="funding wallet", coverage=Coverage.COVERED, note="its balance, and deposits to it"),
        Surface(name="P2P, Pay, gift cards", coverage=Coverage.BY_HAND),
        Surface(name="margin, cross and isolated", coverage=Coverage.BY_HAND),
        Surface(name="futures and options", coverage=Coverage.BY_HAND),
        Surface(name="loans, launchpool, dual investment, mining", coverage=Coverage.BY_HAND),
        Surface(name="sub-accounts", coverage=Coverage.NOT_VISIBLE, note="connect each with a key of its own"),
        Surface(name="Binance.US, Binance TR", coverage=Coverage.NOT_VISIBLE, note="exchanges of their own"),
    ),
    endpoints=(
        Endpoint(method="publicGetTime", section="public", verb="GET", path="time"),
        Endpoint(method="publicGetExchangeInfo", section="public", verb="GET", path="exchangeInfo", weight=20),
        Endpoint(method="privateGetAccount", section="private", verb="GET", path="account", weight=20),
        Endpoint(method="privateGetMyTrades", section="private", verb="GET", path="myTrades", weight=20),
        _sapi("sapiGetAccountApiRestrictions", "account/apiRestrictions"),
        _sapi("sapiGetCapitalDepositHisrec", "capital/deposit/hisrec"),
        _sapi("sapiGetCapitalWithdrawHistory", "capital/withdraw/history", weight=18_000, bucket="withdrawals"),
        _sapi("sapiGetConvertTradeFlow", "convert/tradeFlow", weight=3_000, bucket="converts"),
        _sapi("sapiGetAssetDribblet", "asset/dribblet"),
        _sapi("sapiGetAssetAssetDividend", "asset/assetDividend", weight=10),
        _sapi("sapiGetFiatPayments", "fiat/payments"),
        _sapi("sapiGetAssetWalletBalance", "asset/wallet/balance", weight=60),
        # A read, although it is a POST.
        _sapi("sapiPostAssetGetFundingAsset", "asset/get-funding-asset", verb="POST"),
    ),
    streams=(
        StreamSpec(
            stream=Stream.FILLS,
            endpoint="privateGetMyTrades",
            paging=Paging.SYMBOL_BY_ID,
            page_size=1000,
            id_field="id",  # rises with time, unique on its symbol only; buyer and seller see the same
            owner_fields=("orderId",),
            time_field="time",
            time_unit="ms",
            scopes=(),
            history_starts=OPENED,
            names={"symbol": "symbol", "from_id": "fromId", "limit": "limit"},
            gone=("-1121",),  # "Invalid symbol": delisted ones stay known for years, but some are removed entirely
            permission=READING,
            required=True,
        ),
        StreamSpec(
            stream=Stream.DEPOSITS,
            endpoint="sapiGetCapitalDepositHisrec",
            paging=Paging.HALVED_WINDOW,
            page_size=1000,
            time_field="insertTime",
            time_unit="ms",
            window=timedelta(days=89),  # "must be less than 90 days"
            history_starts=OPENED,
            names=SPAN | {"limit": "limit"},
            overlap=STATUS_CHANGES,
            permission=READING,
        ),
        StreamSpec(
            stream=Stream.WITHDRAWALS,
            endpoint="sapiGetCapitalWithdrawHistory",
            paging=Paging.HALVED_WINDOW,
            page_size=1000,
            id_field="id",
            time_field="applyTime",
            time_unit="datetime",
            window=timedelta(days=89),
            history_starts=OPENED,
            names=SPAN | {"limit": "limit"},
            overlap=STATUS_CHANGES,
            permission=READING,
        ),
        StreamSpec(
            stream=Stream.CONVERTS,
            endpoint="sapiGetConvertTradeFlow",
            paging=Paging.HALVED_WINDOW,
            page_size=1000,
            rows_path="list",
            id_field="orderId",
            time_field="createTime",
            time_unit="ms",
            window=timedelta(days=29),  # "The max interval between startTime and endTime is 30 days"
            history_starts=CONVERT_OPENED,
            names=SPAN | {"limit": "limit", "more": "moreData"},
            permission=READING,
        ),
        _payments("fiat_buy", "0"),
        _payments("fiat_sell", "1"),
        StreamSpec(
            stream=Stream.DUST,
            endpoint="sapiGetAssetDribblet",
            paging=Paging.HALVED_WINDOW,
            page_size=100,  # "Only return last 100 records": it takes no limit, so 100 in a span mean that the span holds more
            rows_path="userAssetDribblets",
            id_field="transId",
            time_field="operateTime",
            time_unit="ms",
            window=timedelta(days=89),
            history_starts=DUST_KEPT_SINCE,
            names=SPAN,
            permission=READING,
        ),
        StreamSpec(
            stream=Stream.REWARDS,
            endpoint="sapiGetAssetAssetDividend",
            paging=Paging.HALVED_WINDOW,
            page_size=500,
            rows_path="rows",
            id_field="id",
            time_field="divTime",
            time_unit="ms",
            window=timedelta(days=179),  # "There cannot be more than 180 days between"
            history_starts=OPENED,
            names=SPAN | {"limit": "limit"},
            permission=READING,
        ),
        StreamSpec(
            stream=Stream.BALANCES,
            endpoint="privateGetAccount",
            paging=Paging.SNAPSHOT,
            page_size=0,
            rows_path="balances",
            id_field="asset",
            time_field="",
            time_unit="",
            scopes=("spot",),
            fixed={"omitZeroBalances": "true"},
            compare=("asset", "free", "locked"),
            permission=READING,
        ),
        StreamSpec(
            stream=Stream.BALANCES,
            endpoint="sapiPostAssetGetFundingAsset",
            paging=Paging.SNAPSHOT,
            page_size=0,
            id_field="asset",
            time_field="",
            time_unit="",
            scopes=("funding",),
            compare=("asset", "free", "locked", "freeze", "withdrawing"),
            permission=READING,
        ),
    ),
    errors=(
        # Source: developers.binance.com, errors; -2015 is one answer for a wrong key, a wrong IP and a missing permission.
        _means("-2015", Reason.KEY_OR_IP_OR_PERMISSION),
        _means("-1002", Reason.KEY_OR_IP_OR_PERMISSION),  # not authorized to execute this request
        _means("-2014", Reason.KEY_INVALID),  # format
        _means("-2008", Reason.KEY_INVALID),  # no such key id
        _means("-1022", Reason.SECRET_WRONG),  # signature not valid
        _means("-1021", Reason.CLOCK_SKEW, retry=True),  # timestamp outside of the recvWindow
        _means("-1003", Reason.RATE_LIMITED, retry=True),  # too much request weight, or an IP ban
        _means("-1015", Reason.RATE_LIMITED, retry=True),
        _means("-1034", Reason.RATE_LIMITED, retry=True),  # too many connections
        _means("429", Reason.RATE_LIMITED, retry=True),
        _means("418", Reason.RATE_LIMITED, retry=True),
        _means("451", Reason.ACCOUNT_RESTRICTED),  # restricted location; ccxt takes it for transient
        ErrorRule(code="", pattern=r"restricted location", reason=Reason.ACCOUNT_RESTRICTED),
        ErrorRule(code="", pattern=r"(?i)maintenance", reason=Reason.MAINTENANCE),
        _means("-1000", Reason.EXCHANGE_DOWN, retry=True),  # unknown error while processing
        _means("-1001", Reason.EXCHANGE_DOWN, retry=True),  # internal error
        _means("-1006", Reason.EXCHANGE_DOWN, retry=True),  # unexpected response from the message bus
        _means("-1007", Reason.EXCHANGE_DOWN, retry=True),  # timeout waiting for the backend
        _means("-1008", Reason.EXCHANGE_DOWN, retry=True),  # overloaded
        _means("-1016", Reason.EXCHANGE_UNSUPPORTED),  # this service is no longer available
        _means("-3044", Reason.EXCHANGE_DOWN, retry=True),  # system busy
    ),
    limits={
        # Weight a minute: 6,000 for api/v3; for sapi 12,000 by IP or 180,000 by exchange account, each endpoint by itself. They are
        # counted in fixed minutes, so a full bucket and what a minute refills may together not exceed them; a second's worth is left for
        # what was taken in one minute and arrives in the next.
        # Source: exchangeInfo.rateLimits; developers.binance.com, wallet, general info.
        "ip": Limit(capacity=850, per_second=84.0, shared_by="ip"),
        "sapi_ip": Limit(capacity=1_700, per_second=168.0, shared_by="ip"),
        "withdrawals": Limit(capacity=36_000, per_second=2_400.0, shared_by="key"),
        "converts": Limit(capacity=30_000, per_second=2_500.0, shared_by="key"),
    },
    guide=Guide(
        steps=(
            "Sign in at binance.com, open Account, then API Management (https://www.binance.com/en/my/settings/api-management).",
            "Click Create API, choose System generated, give it a name that tells it apart, such as Metrifly, and pass the security check.",
            "Copy API Key and Secret Key at once: the secret is not shown again.",
            "Click Edit restrictions. Enable Reading is on already; switch nothing else on.",
            "Under IP access restrictions choose Restrict access to trusted IPs only, add the allowed IPs shown here, and save.",
        ),
        switch_on=(READING,),
        switch_off=(
            "Enable Spot & Margin Trading",
            "Enable Withdrawals",
            "Enable Internal Transfer",
            "Permits Universal Transfer",
            "Enable Margin Loan, Repay & Transfer",
            "Enable Futures",
            "Enable European Options",
            "Enable Portfolio Margin Trading",
        ),
        secret_shown_once=True,
        source="binance.com, FAQ 360002502072 (How to create API keys on Binance)",
    ),
    source="developers.binance.com (spot REST API, wallet, convert); ccxt 4.5.90",
    settle=timedelta(seconds=60),
    sweep_every=timedelta(days=7),
)
