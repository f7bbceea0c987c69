-- exchanges/binance/trades.sql: one row per execution on the spot order book (api/v3/myTrades).
-- In:  raw (payload JSON, scope = symbol asked for), reference (market_id, base, quote, valid_from, valid_to)
-- Out: strings only; the engine types them, checks them and quarantines what fails
-- An id is unique on one symbol only, so the key carries the symbol; a symbol can't be split, so base and quote come from the reference.
SELECT
    raw.connection_id,
    raw.seq,
    'spot:' || raw.scope || ':' || (raw.payload ->> '$.id') AS trade_key,
    raw.payload ->> '$.id' AS native_id,
    raw.payload ->> '$.orderId' AS order_id,
    raw.scope AS market,
    'spot' AS market_type,
    reference.base AS base_code,
    reference.quote AS quote_code,
    CASE raw.payload ->> '$.isBuyer' WHEN 'true' THEN 'buy' WHEN 'false' THEN 'sell' END AS side,
    raw.payload ->> '$.price' AS price,
    raw.payload ->> '$.qty' AS amount,
    raw.payload ->> '$.quoteQty' AS cost,
    raw.payload ->> '$.commission' AS fee_amount,
    raw.payload ->> '$.commissionAsset' AS fee_code,
    raw.payload ->> '$.time' AS executed_at,
    'ms' AS executed_at_unit
FROM raw
LEFT JOIN reference
    ON
        raw.scope = reference.market_id
        AND raw.fetched_at >= reference.valid_from
        AND raw.fetched_at < reference.valid_to
WHERE raw.stream = 'fills'
