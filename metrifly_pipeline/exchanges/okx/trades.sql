-- exchanges/okx/trades.sql: one row per execution (trade/fills-history, SPOT and MARGIN).
-- In:  raw (payload JSON, scope = instrument type, seq)
-- Out: strings only; the engine types them, checks them and quarantines what fails
-- The key is the bill id, which is unique in an exchange account (the trade id is so on one instrument only). An instrument id is base and
-- quote with a dash between, so nothing is looked up. OKX tells no cost, and a fee with its sign turned: negative is paid.
-- Sources: okx.com/docs-v5 (transaction details, last 3 months); ccxt 4.5.90 okx.parse_trade.
SELECT
    raw.connection_id,
    raw.seq,
    raw.payload ->> '$.billId' AS trade_key,
    raw.payload ->> '$.billId' AS native_id,
    nullif(raw.payload ->> '$.ordId', '') AS order_id,
    raw.payload ->> '$.instId' AS market,
    lower(raw.payload ->> '$.instType') AS market_type,
    nullif(split_part(raw.payload ->> '$.instId', '-', 1), '') AS base_code,
    nullif(split_part(raw.payload ->> '$.instId', '-', 2), '') AS quote_code,
    raw.payload ->> '$.side' AS side,
    raw.payload ->> '$.fillPx' AS price,
    raw.payload ->> '$.fillSz' AS amount,
    NULL AS cost,
    CASE
        WHEN starts_with(raw.payload ->> '$.fee', '-') THEN substr(raw.payload ->> '$.fee', 2)
        WHEN regexp_full_match(raw.payload ->> '$.fee', '0*\.?0*') THEN nullif(raw.payload ->> '$.fee', '')
        ELSE '-' || (raw.payload ->> '$.fee')
    END AS fee_amount,
    nullif(raw.payload ->> '$.feeCcy', '') AS fee_code,
    coalesce(nullif(raw.payload ->> '$.fillTime', ''), raw.payload ->> '$.ts') AS executed_at,
    'ms' AS executed_at_unit
FROM raw
WHERE raw.stream = 'fills'
