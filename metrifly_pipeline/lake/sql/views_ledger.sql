-- lake/sql/views_ledger.sql: current and former versions, legs and balances.
-- In: _trades, _movements, _balances (the files of one version of each Delta table)
-- A version is superseded by the next one of its key; only rows with version > 1 are looked at to know that.
CREATE OR REPLACE VIEW trades_history AS
SELECT
    stored.*,
    newer.recorded_at AS superseded_at,
    CAST(stored.executed_at AT TIME ZONE 'UTC' AS DATE) AS executed_day
FROM _trades AS stored
LEFT JOIN (SELECT connection_id, trade_key, version, recorded_at FROM _trades WHERE version > 1) AS newer
    ON
        stored.connection_id = newer.connection_id
        AND stored.trade_key = newer.trade_key
        AND stored.version + 1 = newer.version;

CREATE OR REPLACE VIEW trades AS
SELECT
    stored.*,
    CAST(stored.executed_at AT TIME ZONE 'UTC' AS DATE) AS executed_day
FROM _trades AS stored
ANTI JOIN (SELECT connection_id, trade_key, version FROM _trades WHERE version > 1) AS newer
    ON
        stored.connection_id = newer.connection_id
        AND stored.trade_key = newer.trade_key
        AND stored.version + 1 = newer.version;

CREATE OR REPLACE VIEW movements_history AS
SELECT
    stored.*,
    newer.recorded_at AS superseded_at,
    CAST(stored.occurred_at AT TIME ZONE 'UTC' AS DATE) AS occurred_day
FROM _movements AS stored
LEFT JOIN (SELECT connection_id, movement_key, version, recorded_at FROM _movements WHERE version > 1) AS newer
    ON
        stored.connection_id = newer.connection_id
        AND stored.movement_key = newer.movement_key
        AND stored.version + 1 = newer.version;

CREATE OR REPLACE VIEW movements AS
SELECT
    stored.*,
    CAST(stored.occurred_at AT TIME ZONE 'UTC' AS DATE) AS occurred_day
FROM _movements AS stored
ANTI JOIN (SELECT connection_id, movement_key, version FROM _movements WHERE version > 1) AS newer
    ON
        stored.connection_id = newer.connection_id
        AND stored.movement_key = newer.movement_key
        AND stored.version + 1 = newer.version;

CREATE OR REPLACE VIEW legs AS
SELECT
    connection_id,
    exchange,
    'trade' AS source,
    trade_key AS source_key,
    side AS kind,
    'base' AS "role",
    base AS asset,
    base_code AS asset_code,
    if(side = 'buy', amount, -amount) AS amount,
    executed_at AS occurred_at,
    executed_day AS occurred_day,
    seq
FROM trades
WHERE market_type IN ('spot', 'margin')
UNION ALL
SELECT
    connection_id,
    exchange,
    'trade' AS source,
    trade_key AS source_key,
    side AS kind,
    'quote' AS "role",
    "quote" AS asset,
    quote_code AS asset_code,
    if(side = 'buy', -cost, cost) AS amount,
    executed_at AS occurred_at,
    executed_day AS occurred_day,
    seq
FROM trades
WHERE market_type IN ('spot', 'margin') AND "quote" IS NOT NULL
UNION ALL
SELECT
    connection_id,
    exchange,
    'trade' AS source,
    trade_key AS source_key,
    side AS kind,
    'fee' AS "role",
    fee_asset AS asset,
    fee_code AS asset_code,
    -fee_amount AS amount,
    executed_at AS occurred_at,
    executed_day AS occurred_day,
    seq
FROM trades
WHERE market_type IN ('spot', 'margin') AND fee_amount <> 0
UNION ALL
SELECT
    connection_id,
    exchange,
    'movement' AS source,
    movement_key AS source_key,
    kind,
    "role",
    asset,
    asset_code,
    amount,
    occurred_at,
    occurred_day,
    seq
FROM movements;

CREATE OR REPLACE VIEW balances_history AS
SELECT
    *,
    CAST(asked_at AT TIME ZONE 'UTC' AS DATE) AS asked_day
FROM _balances;

CREATE OR REPLACE VIEW balances AS
SELECT
    *,
    CAST(asked_at AT TIME ZONE 'UTC' AS DATE) AS asked_day
FROM _balances
QUALIFY row_number() OVER (PARTITION BY connection_id, scope, wallet, asset_code ORDER BY seq DESC) = 1;
