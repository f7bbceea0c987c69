-- exchanges/okx/trades.sql: one row per execution (trade/fills-history, SPOT and MARGIN).
-- In:  raw (payload JSON, scope = instrument type, seq)
-- Out: strings only; the engine types them, checks them and quarantines what fails
-- The key is the bill id, which is unique in an exchange account (the trade id is so on one instrument only). An instrument id is base and
-- quote with a dash between, so nothing is looked up; but what is paid in is told beside it where one book serves several (BTC-USD paid in
-- USDC). OKX tells no cost, and a fee with its sign turned: negative is paid.
-- What OKX itself executed (liquidations, block trades, small balances swept: every subType but those of an order) moves no assets here: its
-- bills have types of their own and say what it changed (movements.sql). So it is no spot trade.
-- A payload is parsed once; `->>` would do so for every field.
-- Sources: okx.com/docs-v5 (transaction details, last 3 months); ccxt 4.5.90 okx.parse_trade.
WITH sent AS (
    SELECT
        raw.connection_id,
        raw.seq,
        from_json(
            raw.payload,
            '{"billId": "VARCHAR", "ordId": "VARCHAR", "instId": "VARCHAR", "instType": "VARCHAR", "side": "VARCHAR",
              "fillPx": "VARCHAR", "fillSz": "VARCHAR", "fee": "VARCHAR", "feeCcy": "VARCHAR", "fillTime": "VARCHAR",
              "ts": "VARCHAR", "subType": "VARCHAR", "tradeQuoteCcy": "VARCHAR"}'
        ) AS fill
    FROM raw
    WHERE raw.stream = 'fills'
)

SELECT
    sent.connection_id,
    sent.seq,
    sent.fill."billId" AS trade_key,
    sent.fill."billId" AS native_id,
    nullif(sent.fill."ordId", '') AS order_id,
    sent.fill."instId" AS market,
    CASE
        WHEN coalesce(sent.fill."subType", '') IN ('', '1', '2', '3', '4', '5', '6') THEN lower(sent.fill."instType")
        ELSE 'by the exchange'
    END AS market_type,
    nullif(split_part(sent.fill."instId", '-', 1), '') AS base_code,
    coalesce(nullif(sent.fill."tradeQuoteCcy", ''), nullif(split_part(sent.fill."instId", '-', 2), '')) AS quote_code,
    sent.fill.side,
    sent.fill."fillPx" AS price,
    sent.fill."fillSz" AS amount,
    NULL AS cost,
    CASE
        WHEN starts_with(sent.fill.fee, '-') THEN substr(sent.fill.fee, 2)
        WHEN regexp_full_match(sent.fill.fee, '0*\.?0*') THEN nullif(sent.fill.fee, '')
        ELSE '-' || sent.fill.fee
    END AS fee_amount,
    nullif(sent.fill."feeCcy", '') AS fee_code,
    coalesce(nullif(sent.fill."fillTime", ''), sent.fill.ts) AS executed_at,
    'ms' AS executed_at_unit
FROM sent
