-- lake/sql/views_portfolio.sql: what is asked by portfolio, and what is known of assets and unread records.
-- In: the views of views_ledger.sql, _quarantine, _reference, connections, asset_aliases
CREATE VIEW portfolio_transactions AS
SELECT
    connections.portfolio_id,
    trades.connection_id,
    trades.exchange,
    'trade' AS source,
    trades.trade_key AS source_key,
    trades.side AS kind,
    trades.executed_at AS occurred_at,
    trades.executed_day AS occurred_day,
    trades.base AS asset,
    CASE WHEN trades.side = 'buy' THEN trades.amount ELSE -trades.amount END AS amount,
    trades."quote" AS quote_asset,
    CASE WHEN trades.side = 'buy' THEN -trades.cost ELSE trades.cost END AS quote_amount,
    trades.price,
    trades.fee_asset,
    trades.fee_amount,
    trades.order_id AS group_key,
    trades.native_id,
    NULL::VARCHAR AS txid,
    trades.seq,
    trades.recorded_at
FROM trades
INNER JOIN connections ON trades.connection_id = connections.connection_id
UNION ALL
SELECT
    connections.portfolio_id,
    movements.connection_id,
    movements.exchange,
    'movement' AS source,
    movements.movement_key AS source_key,
    movements.kind || CASE WHEN movements."role" = 'main' THEN '' ELSE ' ' || movements."role" END AS kind,
    movements.occurred_at,
    movements.occurred_day,
    movements.asset,
    movements.amount,
    NULL::VARCHAR AS quote_asset,
    NULL::DECIMAL(38, 18) AS quote_amount,
    NULL::DECIMAL(38, 18) AS price,
    NULL::VARCHAR AS fee_asset,
    NULL::DECIMAL(38, 18) AS fee_amount,
    movements.group_key,
    movements.native_id,
    movements.txid,
    movements.seq,
    movements.recorded_at
FROM movements
INNER JOIN connections ON movements.connection_id = connections.connection_id;

CREATE VIEW quarantine AS
SELECT
    *,
    CAST(fetched_at AT TIME ZONE 'UTC' AS DATE) AS fetched_day
FROM _quarantine;

CREATE VIEW assets AS
WITH seen AS (
    SELECT exchange, base_code AS code, base AS asset FROM _trades
    UNION
    SELECT exchange, quote_code AS code, "quote" AS asset FROM _trades
    UNION
    SELECT exchange, fee_code AS code, fee_asset AS asset FROM _trades
    UNION
    SELECT exchange, asset_code AS code, asset FROM _movements
    UNION
    SELECT exchange, asset_code AS code, asset FROM _balances
),

listed AS (
    SELECT exchange, base AS code FROM _reference
    UNION
    SELECT exchange, "quote" AS code FROM _reference
)

SELECT
    asset,
    exchange,
    code,
    wallet,
    valid_from,
    valid_to,
    source,
    TRUE AS is_known
FROM asset_aliases
WHERE code <> '*'
UNION ALL
SELECT
    seen.asset,
    seen.exchange,
    seen.code,
    NULL AS wallet,
    NULL AS valid_from,
    NULL AS valid_to,
    'seen in records' AS source,
    everything.code IS NOT NULL AND listed.code IS NOT NULL AS is_known
FROM seen
ANTI JOIN asset_aliases ON seen.exchange = asset_aliases.exchange AND seen.code = asset_aliases.code
LEFT JOIN asset_aliases AS everything ON seen.exchange = everything.exchange AND everything.code = '*'
LEFT JOIN listed ON seen.exchange = listed.exchange AND seen.code = listed.code
WHERE seen.code IS NOT NULL;
