"""Kraken as data. Sources are named beside each fact; nothing here was checked against a real exchange account yet."""

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

PAGE = 50
"""Rows that TradesHistory and Ledgers answer with; it can't be changed. Source: docs.kraken.com, get-trades-history."""

OPENED = datetime(2011, 7, 1, tzinfo=UTC)
"""Kraken was founded in July 2011; no record can be older."""

WINDOW = {"start": "start", "end": "end", "offset": "ofs", "total": "result.count"}
"""The driver's words (left) and Kraken's (right): parameters `start`, `end`, `ofs`, and the path to the total in the answer."""

SPEC = ExchangeSpec(
    name="kraken",
    title="Kraken",
    credentials=(
        CredentialField(name="api_key", label="API key"),
        CredentialField(name="secret", label="Private key"),
    ),
    surfaces=(
        Surface(
            name="spot",
            coverage=Coverage.COVERED,
            note="order-book trades, from TradesHistory; what fee was taken, from the ledger",
        ),
        Surface(
            name="instant buy, sell and convert",
            coverage=Coverage.COVERED,
            note="spend and receive pairs in the ledger",
        ),
        Surface(name="deposits and withdrawals", coverage=Coverage.COVERED, note="from the ledger"),
        Surface(
            name="earn and staking",
            coverage=Coverage.COVERED,
            note="rewards and transfers between wallets, from the ledger",
        ),
        Surface(
            name="margin", coverage=Coverage.COVERED, note="margin trades, rollover and settlement, from the ledger"
        ),
        Surface(name="futures", coverage=Coverage.BY_HAND, note="Kraken Futures has an API and keys of its own"),
        Surface(name="NFT", coverage=Coverage.BY_HAND),
        Surface(name="equities", coverage=Coverage.BY_HAND, note="stocks and funds bought at Kraken"),
        Surface(name="subaccounts", coverage=Coverage.NOT_VISIBLE, note="connect each with a key of its own"),
    ),
    endpoints=(
        Endpoint(
            method="privatePostTradesHistory",
            section="private",
            verb="POST",
            path="TradesHistory",
            weight=2,
            bucket="key",
        ),
        Endpoint(method="privatePostLedgers", section="private", verb="POST", path="Ledgers", weight=2, bucket="key"),
        Endpoint(method="privatePostBalanceEx", section="private", verb="POST", path="BalanceEx", bucket="key"),
        Endpoint(method="privatePostGetApiKeyInfo", section="private", verb="POST", path="GetApiKeyInfo", bucket="key"),
        Endpoint(method="publicGetAssetPairs", section="public", verb="GET", path="AssetPairs", bucket="ip"),
        Endpoint(method="publicGetTime", section="public", verb="GET", path="Time", bucket="ip"),
    ),
    streams=(
        StreamSpec(
            stream=Stream.FILLS,
            endpoint="privatePostTradesHistory",
            paging=Paging.OFFSET_IN_WINDOW,
            page_size=PAGE,
            rows_path="result.trades",  # a mapping of TX id to trade
            id_field="_key",  # so the driver puts the TX id there
            time_field="time",
            time_unit="s",  # seconds with decimals: 1688667796.8802
            param_unit="s",
            exclusive=("start",),  # "start: starting unix timestamp (exclusive)"; `end` is inclusive
            history_starts=OPENED,
            names=WINDOW,
            permission="Orders and trades - Query closed orders & trades",
            required=True,
        ),
        StreamSpec(
            stream=Stream.LEDGER,
            endpoint="privatePostLedgers",
            paging=Paging.OFFSET_IN_WINDOW,
            page_size=PAGE,
            rows_path="result.ledger",
            id_field="_key",
            time_field="time",
            time_unit="s",
            param_unit="s",
            exclusive=("start",),
            history_starts=OPENED,
            names=WINDOW,
            permission="Data - Query ledger entries",
        ),
        StreamSpec(
            stream=Stream.BALANCES,
            endpoint="privatePostBalanceEx",
            paging=Paging.SNAPSHOT,
            page_size=0,
            rows_path="result",  # a mapping of asset code to {balance, hold_trade}
            time_field="",
            time_unit="",
            scopes=("spot",),
            compare=("balance", "hold_trade"),
            permission="Funds permissions - Query",
        ),
    ),
    errors=(
        ErrorRule(code="EAPI:Invalid key", pattern="", reason=Reason.KEY_INVALID),
        ErrorRule(code="EAPI:Invalid signature", pattern="", reason=Reason.SECRET_WRONG),
        ErrorRule(code="EAPI:Invalid nonce", pattern="", reason=Reason.NONCE_CONFLICT, retry=True),
        ErrorRule(code="EAPI:Rate limit exceeded", pattern="", reason=Reason.RATE_LIMITED, retry=True),
        ErrorRule(code="EGeneral:Too many requests", pattern="", reason=Reason.RATE_LIMITED, retry=True),
        ErrorRule(code="EService:Throttled", pattern="", reason=Reason.RATE_LIMITED, retry=True),
        ErrorRule(code="EGeneral:Temporary lockout", pattern="", reason=Reason.RATE_LIMITED),
        ErrorRule(code="EGeneral:Permission denied", pattern="", reason=Reason.PERMISSION_MISSING),
        ErrorRule(code="EAPI:Feature disabled", pattern="", reason=Reason.PERMISSION_MISSING),
        ErrorRule(code="EAuth:Account temporary disabled", pattern="", reason=Reason.ACCOUNT_RESTRICTED),
        ErrorRule(code="EAuth:Account unconfirmed", pattern="", reason=Reason.ACCOUNT_RESTRICTED),
        ErrorRule(code="ETrade:User Locked", pattern="", reason=Reason.ACCOUNT_RESTRICTED),
        ErrorRule(code="EService:Market in cancel_only mode", pattern="", reason=Reason.MAINTENANCE),
        ErrorRule(code="EService:Market in post_only mode", pattern="", reason=Reason.MAINTENANCE),
        ErrorRule(code="", pattern=r"^EService:", reason=Reason.EXCHANGE_DOWN, retry=True),
        ErrorRule(code="", pattern=r"^EGeneral:Internal error|^EDatabase:", reason=Reason.EXCHANGE_DOWN, retry=True),
        ErrorRule(code="", pattern=r"^EAPI:.*(IP|ip address)", reason=Reason.IP_NOT_ALLOWED),
    ),
    limits={
        # The private counter of the Starter level, the slowest: at most 15, falling by 0.33 a second (Intermediate 20 and 0.5, Pro 20 and 1).
        # A faster account only syncs slower than it could. Source: docs.kraken.com, spot REST rate limits.
        "key": Limit(capacity=15, per_second=0.33, shared_by="key"),
        "ip": Limit(capacity=5, per_second=1.0, shared_by="ip"),
    },
    guide=Guide(
        steps=(
            "Sign in at kraken.com, click your name at the upper right and open Settings, then API (https://www.kraken.com/u/security/api).",
            "Click Create API key and give it a name that tells it apart, such as Metrifly.",
            "Under Funds permissions switch on Query; leave Deposit, Withdraw and Earn off.",
            "Under Orders and trades switch on Query closed orders & trades; leave Create & modify and Cancel & close off.",
            "Under Data switch on Query ledger entries.",
            "If you use IP address restriction, add the allowed IPs shown here.",
            "Leave Key expiration and Query start/end date off: a key that hides a part of the history is refused.",
            "Click Generate key and copy API key and private key at once: the private key is not shown again.",
        ),
        switch_on=(
            "Funds permissions - Query",
            "Orders and trades - Query closed orders & trades",
            "Data - Query ledger entries",
        ),
        switch_off=(
            "Funds permissions - Deposit",
            "Funds permissions - Withdraw",
            "Funds permissions - Earn",
            "Orders and trades - Create & modify orders",
            "Orders and trades - Cancel & close orders",
        ),
        secret_shown_once=True,
        source="support.kraken.com, How to create an API key (article 360000919966)",
    ),
    source="docs.kraken.com/api-reference (account data: trades history, ledgers, extended balance, API key info); ccxt 4.5.90",
    settle=timedelta(seconds=60),
)
