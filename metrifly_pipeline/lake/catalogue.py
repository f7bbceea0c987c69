"""What the published tables and columns mean: the comments that analysts read, and the data dictionary made of them."""

from metrifly_pipeline.lake.tables import SHAPES

TABLE_COMMENTS = {
    "trades": "Executions as they stand now: the newest version of each.",
    "trades_history": "Every version of every execution; `superseded_at` is NULL for the one that stands.",
    "movements": "Deposits, withdrawals, rewards, converts and all else that is no execution, as it stands now.",
    "movements_history": "Every version of every movement; `superseded_at` is NULL for the one that stands.",
    "legs": "Signed amount of one asset at one time: what trades (base, quote, fee) and movements did, double entry; "
    "by the exchange's ledger where it tells.",
    "balances": "Newest reported balance of each connection, wallet and asset.",
    "balances_history": "Reported balances, one row per change.",
    "positions": "Sum of the legs by portfolio and asset, exact; what adds up to 0 is left out.",
    "portfolio_transactions": "Trades and movements of each portfolio, in one shape.",
    "reconciliation": "Reported balance minus what the legs add up to, by connection and asset; 0 is what should stand there.",
    "quarantine": "Raw records that could not be read, with the reason.",
    "connections": "One exchange key flowing into one portfolio.",
    "assets": "What each exchange's asset codes mean: the aliases, and the codes seen that no alias names.",
    "asset_aliases": "The aliases of each exchange's room, as shipped with this version.",
    "_meta": "One row about this file: when it was published, and from which versions.",
    "_booked": "What the exchange's ledger booked for executions: what it took and what it moved; ask trades and legs.",
    "_stated_trades": "Executions as they stand now, with their fees as stated; ask trades.",
    "_trades": "Files behind trades and trades_history; ask those.",
    "_movements": "Files behind movements and movements_history; ask those.",
    "_balances": "Files behind balances and balances_history; ask those.",
    "_quarantine": "Files behind quarantine; ask that.",
    "_reference": "Files with the markets as each exchange listed them.",
}

_SHARED = {column.name: column.comment for shape in SHAPES for column in shape.columns} | {
    "superseded_at": "When a newer version of the same key was fetched, UTC; NULL for the version that stands.",
    "executed_day": "Day of executed_at, UTC.",
    "occurred_day": "Day of occurred_at, UTC.",
    "asked_day": "Day of asked_at, UTC.",
    "fetched_day": "Day of fetched_at, UTC.",
    "portfolio_id": "Portfolio that the connection flows into.",
    "account_id": "Account that the connection belongs to.",
    "source": "trade or movement.",
    "source_key": "trade_key or movement_key.",
    "quote_asset": "Asset that a trade was paid in; NULL for a movement.",
    "quote_amount": "Signed amount of quote_asset.",
    "reported": "What the exchange reports, all wallets together.",
    "ledger": "What the legs add up to.",
    "difference": "reported - ledger: what a manual entry would have to add.",
    "suggested_entry": "The manual entry that would close the gap, in words; empty where there is none.",
    "code": "The exchange's own code.",
    "valid_from": "From when the code means this, UTC; NULL for ever.",
    "valid_to": "Until when the code means this, UTC; NULL for ever.",
    "is_known": "Whether an alias or the exchange's list of markets says what the code means.",
    "published_at": "When this file was built, UTC.",
    "stale_after": "When a newer file should be in place, UTC; later than that, the pipeline stands still.",
    "change_seq": "Number of the last change that this file shows.",
    "product_version": "Version of Metrifly that built it.",
}

_OWN = {
    ("_booked", "kind"): "trade_fee for a fee, trade_leg for base or quote.",
    ("_booked", "amount"): "Signed: negative was paid.",
    ("_stated_trades", "fee_amount"): "Fee as stated with the execution; `trades` shows what was really taken.",
    ("trades", "fee_asset"): "Asset of the fee, our code: by the exchange's ledger where it tells, else as stated.",
    ("trades", "fee_code"): "The exchange's own code of the fee's asset: by its ledger where it tells, else as stated.",
    (
        "trades",
        "fee_amount",
    ): "Fee taken (negative: a rebate): by the exchange's ledger where it tells, else as stated.",
    ("trades_history", "fee_amount"): "Fee as stated with the execution; `trades` shows what was really taken.",
    ("trades", "version"): "Version that stands: 1, or higher where the exchange changed the record.",
    ("legs", "kind"): "buy or sell for a trade, the movement's kind for a movement.",
    ("legs", "role"): "base, quote or fee for a trade, the movement's role for a movement.",
    ("legs", "asset"): "Asset that the leg changes, our code.",
    ("legs", "occurred_at"): "When it happened, UTC.",
    ("portfolio_transactions", "kind"): "buy, sell, or the movement's kind, with its role where it isn't the main one.",
    ("portfolio_transactions", "asset"): "Base asset of a trade, or the asset that moved.",
    ("portfolio_transactions", "amount"): "Signed: positive came in, negative went out.",
    ("portfolio_transactions", "price"): "Price of one asset in quote_asset; NULL for a movement.",
    ("portfolio_transactions", "group_key"): "Order of a trade, group of a movement.",
    ("positions", "amount"): "What the portfolio holds by its history.",
    ("assets", "source"): "Where the meaning is written down, or `seen in records`.",
    ("asset_aliases", "source"): "Where the meaning is written down.",
    ("asset_aliases", "code"): "The exchange's own code; `*` stands for every other code that the exchange lists.",
    ("assets", "wallet"): "Where a code of its own says where the asset lies (earn, ...).",
    ("asset_aliases", "wallet"): "Where a code of its own says where the asset lies (earn, ...).",
    ("asset_aliases", "asset"): "Asset, our code.",
    ("assets", "asset"): "Asset, our code; the exchange's own where it is unknown.",
    ("reconciliation", "asset"): "Asset, our code.",
    ("reconciliation", "asked_at"): "When the exchange first reported this balance, UTC.",
}


def column_comment(table: str, column: str) -> str:
    """What a published column means; empty where nobody wrote it down (a test walks them all)."""
    if column.endswith("_version") and table == "_meta" and column != "product_version":
        return f"Version of the Delta table {column.removesuffix('_version')} that this file shows."
    return _OWN.get((table, column)) or _SHARED.get(column, "")
