-- exchanges/kraken/trades.sql: one row per execution (TradesHistory).
-- In:  raw (payload JSON with the TX id as _key, seq), reference (market_id, base, quote, valid_from, valid_to)
-- Out: strings only; the engine types them, checks them and quarantines what fails
-- A pair is named by its id (XXBTZUSD), newer ones by altname (ADAETH) or with a slash. Base and quote come from the reference; a
-- delisted pair that was never seen listed is split: twice four letters that begin with X or Z, else at a known quote.
-- A leveraged execution moves no assets: its profit, fee and rollover stand in the ledger. So it is no spot trade.
-- A payload is parsed once (`->>` would do so for every field), and a pattern is a constant, else it is compiled for every row.
-- Sources: docs.kraken.com (get-trades-history, get-tradable-asset-pairs); ccxt 4.5.90 kraken.parse_trade.
WITH sent AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.fetched_at,
        from_json(
            raw.payload,
            '{"_key": "VARCHAR", "ordertxid": "VARCHAR", "pair": "VARCHAR", "margin": "VARCHAR", "type": "VARCHAR",
              "price": "VARCHAR", "vol": "VARCHAR", "cost": "VARCHAR", "fee": "VARCHAR", "time": "VARCHAR"}'
        ) AS fill
    FROM raw
    WHERE raw.stream = 'fills'
),

named AS (
    SELECT
        sent.*,
        reference.base,
        reference."quote",
        -- a dark pool's pair bears the name of the open one with .d behind it
        regexp_replace(sent.fill.pair, '\.d$', '') AS pair,
        CASE
            WHEN reference.base IS NOT NULL THEN NULL
            WHEN contains(pair, '/') THEN regexp_extract(pair, '^(.+)/(.+)$', ['base', 'quote'])
            WHEN regexp_full_match(pair, '([XZ][A-Z]{3}|USD[CT])[XZ][A-Z]{3}')
                THEN regexp_extract(pair, '^(.{4})(.{4})$', ['base', 'quote'])
            ELSE
                regexp_extract(
                    pair,
                    '^(.+?)(USDT|USDC|USDG|USDQ|USDR|RLUSD|PYUSD|EURC|EURQ|EURR|DAI'
                    || '|USD|EUR|GBP|CHF|AUD|CAD|JPY|AED|XBT|ETH|DOT)$',
                    ['base', 'quote']
                )
        END AS split
    FROM sent
    LEFT JOIN reference
        ON
            sent.fill.pair = reference.market_id
            AND sent.fetched_at >= reference.valid_from
            AND sent.fetched_at < reference.valid_to
)

SELECT
    connection_id,
    seq,
    fill._key AS trade_key,
    fill._key AS native_id,
    fill.ordertxid AS order_id,
    fill.pair AS market,
    CASE WHEN regexp_full_match(coalesce(fill.margin, '0'), '0*\.?0*') THEN 'spot' ELSE 'leveraged' END AS market_type,
    coalesce(base, nullif(split.base, '')) AS base_code,
    coalesce("quote", nullif(split."quote", '')) AS quote_code,
    fill.type AS side,
    fill.price,
    fill.vol AS amount,
    fill.cost,
    fill.fee AS fee_amount,
    -- an estimate in the quote; where the ledger was read, what it says was taken stands in its place (movements.sql, 'trade_fee'),
    -- and what it says was paid makes the legs ('trade_leg')
    quote_code AS fee_code,
    fill.time AS executed_at,
    's' AS executed_at_unit
FROM named
