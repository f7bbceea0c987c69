-- lake/sql/views_portfolio.sql: what is asked by portfolio, and what is known of assets and unread records.
-- In: the views of views_ledger.sql, _quarantine, _reference, connections, asset_aliases, entries
CREATE VIEW legs AS
SELECT
    _legs.connection_id,
    connections.portfolio_id,
    _legs.exchange,
    _legs.source,
    _legs.source_key,
    _legs.kind,
    _legs."role",
    _legs.asset,
    _legs.asset_code,
    _legs.amount,
    _legs.occurred_at,
    _legs.occurred_day,
    _legs.seq
FROM _legs
LEFT JOIN connections ON _legs.connection_id = connections.connection_id
UNION ALL
SELECT
    connection_id,
    portfolio_id,
    exchange,
    'entry' AS source,
    entry_id AS source_key,
    kind,
    "role",
    asset,
    NULL::VARCHAR AS asset_code,
    amount,
    occurred_at,
    CAST(occurred_at AT TIME ZONE 'UTC' AS DATE) AS occurred_day,
    NULL::BIGINT AS seq
FROM entries;

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
INNER JOIN connections ON movements.connection_id = connections.connection_id
UNION ALL
-- A trade is one row, as executions are; all else is a row for each leg, as movements are.
SELECT
    booked.portfolio_id,
    booked.connection_id,
    booked.exchange,
    'entry' AS source,
    booked.entry_id AS source_key,
    booked.kind || CASE WHEN booked."role" IN ('main', 'base') THEN '' ELSE ' ' || booked."role" END AS kind,
    booked.occurred_at,
    CAST(booked.occurred_at AT TIME ZONE 'UTC' AS DATE) AS occurred_day,
    booked.asset,
    booked.amount,
    paid.asset AS quote_asset,
    paid.amount AS quote_amount,
    booked.price,
    taken.asset AS fee_asset,
    -taken.amount AS fee_amount,
    booked.entry_id AS group_key,
    NULL::VARCHAR AS native_id,
    NULL::VARCHAR AS txid,
    NULL::BIGINT AS seq,
    booked.recorded_at
FROM entries AS booked
LEFT JOIN entries AS paid
    ON booked.entry_id = paid.entry_id AND booked."role" = 'base' AND paid."role" = 'quote'
LEFT JOIN entries AS taken
    ON booked.entry_id = taken.entry_id AND booked."role" = 'base' AND taken."role" = 'fee'
WHERE booked.kind NOT IN ('buy', 'sell') OR booked."role" = 'base';

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
