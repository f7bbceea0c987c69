-- exchanges/binance/trades.sql: one row per execution on the spot order book (api/v3/myTrades).
-- In:  raw (payload JSON, scope = symbol asked for), reference (market_id, base, quote, valid_from, valid_to)
-- Out: strings only; the engine types them, checks them and quarantines what fails
-- An id is unique on one symbol only, so the key carries the symbol, and the side: a trade with oneself is two records under one id. A symbol
-- can't be split, so base and quote come from the reference.
-- A payload is parsed once; `->>` would do so for every field.
WITH sent AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.scope,
        raw.fetched_at,
        from_json(
            raw.payload,
            '{"id": "VARCHAR", "orderId": "VARCHAR", "isBuyer": "VARCHAR", "price": "VARCHAR", "qty": "VARCHAR",
              "quoteQty": "VARCHAR", "commission": "VARCHAR", "commissionAsset": "VARCHAR", "time": "VARCHAR"}'
        ) AS fill
    FROM raw
    WHERE raw.stream = 'fills'
)

SELECT
    sent.connection_id,
    sent.seq,
    CASE sent.fill."isBuyer" WHEN 'true' THEN 'buy' WHEN 'false' THEN 'sell' END AS side,
    'spot:' || sent.scope || ':' || sent.fill.id || ':' || side AS trade_key,
    sent.fill.id AS native_id,
    sent.fill."orderId" AS order_id,
    sent.scope AS market,
    'spot' AS market_type,
    reference.base AS base_code,
    reference."quote" AS quote_code,
    sent.fill.price,
    sent.fill.qty AS amount,
    sent.fill."quoteQty" AS cost,
    sent.fill.commission AS fee_amount,
    sent.fill."commissionAsset" AS fee_code,
    sent.fill.time AS executed_at,
    'ms' AS executed_at_unit
FROM sent
LEFT JOIN reference
    ON
        sent.scope = reference.market_id
        AND sent.fetched_at >= reference.valid_from
        AND sent.fetched_at < reference.valid_to
