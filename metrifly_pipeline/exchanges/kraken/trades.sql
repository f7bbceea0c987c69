-- exchanges/kraken/trades.sql: one row per execution (TradesHistory).
-- In:  raw (payload JSON with the TX id as _key, seq), reference (market_id, base, quote, valid_from, valid_to)
-- Out: strings only; the engine types them, checks them and quarantines what fails
-- A pair is named by its id (XXBTZUSD), newer ones by altname (ADAETH) or with a slash. Base and quote come from the reference; a
-- delisted pair that was never seen listed is split: twice four letters that begin with X or Z, else at a known quote.
-- A leveraged execution moves no assets: its profit, fee and rollover stand in the ledger. So it is no spot trade.
-- Sources: docs.kraken.com (get-trades-history, get-tradable-asset-pairs); ccxt 4.5.90 kraken.parse_trade.
WITH fill AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload,
        raw.fetched_at,
        raw.payload ->> '$.pair' AS pair,
        CASE
            WHEN contains(pair, '/') THEN '^(.+)/(.+)$'
            WHEN regexp_full_match(pair, '([XZ][A-Z]{3}|USD[CT])[XZ][A-Z]{3}') THEN '^(.{4})(.{4})$'
            ELSE
                '^(.+?)(USDT|USDC|USDG|USDQ|USDR|RLUSD|PYUSD|EURC|EURQ|EURR|DAI'
                || '|USD|EUR|GBP|CHF|AUD|CAD|JPY|AED|XBT|ETH|DOT)$'
        END AS splitting
    FROM raw
    WHERE raw.stream = 'fills'
)

SELECT
    fill.connection_id,
    fill.seq,
    fill.payload ->> '$._key' AS trade_key,
    fill.payload ->> '$._key' AS native_id,
    fill.payload ->> '$.ordertxid' AS order_id,
    fill.pair AS market,
    CASE
        WHEN regexp_full_match(coalesce(fill.payload ->> '$.margin', '0'), '0*\.?0*') THEN 'spot'
        ELSE 'leveraged'
    END AS market_type,
    coalesce(reference.base, nullif(regexp_extract(fill.pair, fill.splitting, 1), '')) AS base_code,
    coalesce(reference.quote, nullif(regexp_extract(fill.pair, fill.splitting, 2), '')) AS quote_code,
    fill.payload ->> '$.type' AS side,
    fill.payload ->> '$.price' AS price,
    fill.payload ->> '$.vol' AS amount,
    fill.payload ->> '$.cost' AS cost,
    fill.payload ->> '$.fee' AS fee_amount,
    -- fills name no currency: the fee is in the quote; fees paid in credits (KFEE) stand in the ledger
    quote_code AS fee_code,
    fill.payload ->> '$.time' AS executed_at,
    's' AS executed_at_unit
FROM fill
LEFT JOIN reference
    ON
        fill.pair = reference.market_id
        AND fill.fetched_at >= reference.valid_from
        AND fill.fetched_at < reference.valid_to
