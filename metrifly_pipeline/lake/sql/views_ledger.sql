-- lake/sql/views_ledger.sql: current and former versions, the exchanges' legs and balances.
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

-- Where an exchange's ledger says what an execution moved and what it cost, that counts, whatever was stated with the execution; a
-- trade as it was stated, and each line of the ledger, are stored by themselves, so it doesn't matter which of them arrived first.
CREATE OR REPLACE VIEW _booked AS
SELECT
    stored.connection_id,
    stored.exchange,
    stored.group_key AS trade_key,
    stored.kind,
    stored.movement_key,
    stored.asset,
    stored.asset_code,
    stored.amount,
    stored.occurred_at,
    stored.seq
FROM _movements AS stored
ANTI JOIN (SELECT connection_id, movement_key, version FROM _movements WHERE version > 1) AS newer
    ON
        stored.connection_id = newer.connection_id
        AND stored.movement_key = newer.movement_key
        AND stored.version + 1 = newer.version
WHERE stored.kind IN ('trade_fee', 'trade_leg');

CREATE OR REPLACE VIEW _stated_trades AS
SELECT
    stored.*,
    CAST(stored.executed_at AT TIME ZONE 'UTC' AS DATE) AS executed_day
FROM _trades AS stored
ANTI JOIN (SELECT connection_id, trade_key, version FROM _trades WHERE version > 1) AS newer
    ON
        stored.connection_id = newer.connection_id
        AND stored.trade_key = newer.trade_key
        AND stored.version + 1 = newer.version;

-- One fee can be shown beside an execution. Of several assets that were taken it is the one that was stated.
CREATE OR REPLACE VIEW trades AS
WITH fees AS (
    SELECT
        connection_id,
        trade_key,
        asset,
        min(movement_key) AS first_key,
        arg_min(asset_code, movement_key) AS asset_code,
        -sum(amount) AS amount
    FROM _booked
    WHERE kind = 'trade_fee'
    GROUP BY connection_id, trade_key, asset
),

taken AS (
    SELECT
        fees.connection_id,
        fees.trade_key,
        arg_min(fees.asset, (fees.asset IS DISTINCT FROM stated.fee_asset, fees.first_key)) AS asset,
        arg_min(fees.asset_code, (fees.asset IS DISTINCT FROM stated.fee_asset, fees.first_key)) AS asset_code,
        arg_min(fees.amount, (fees.asset IS DISTINCT FROM stated.fee_asset, fees.first_key)) AS amount
    FROM fees
    INNER JOIN _stated_trades AS stated
        ON fees.connection_id = stated.connection_id AND fees.trade_key = stated.trade_key
    GROUP BY fees.connection_id, fees.trade_key
)

SELECT
    stated.* REPLACE (
        CASE WHEN taken.trade_key IS NULL THEN stated.fee_asset ELSE taken.asset END AS fee_asset,
        CASE WHEN taken.trade_key IS NULL THEN stated.fee_code ELSE taken.asset_code END AS fee_code,
        CASE WHEN taken.trade_key IS NULL THEN stated.fee_amount ELSE taken.amount END AS fee_amount
    )
FROM _stated_trades AS stated
LEFT JOIN taken ON stated.connection_id = taken.connection_id AND stated.trade_key = taken.trade_key;

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
        AND stored.version + 1 = newer.version
WHERE stored.kind NOT IN ('trade_fee', 'trade_leg');

CREATE OR REPLACE VIEW movements AS
SELECT
    stored.*,
    CAST(stored.occurred_at AT TIME ZONE 'UTC' AS DATE) AS occurred_day
FROM _movements AS stored
ANTI JOIN (SELECT connection_id, movement_key, version FROM _movements WHERE version > 1) AS newer
    ON
        stored.connection_id = newer.connection_id
        AND stored.movement_key = newer.movement_key
        AND stored.version + 1 = newer.version
WHERE stored.kind NOT IN ('trade_fee', 'trade_leg');

-- What exchanges sent, without what people recorded by hand: it is added up once for each version of the tables.
-- Which half of its execution a line of the ledger is tells the way it goes, not its asset: a pair may name no assets, or one asset against
-- another form of itself. So what was booked is never left out.
CREATE OR REPLACE VIEW _legs AS
SELECT
    stated.connection_id,
    stated.exchange,
    'trade' AS source,
    stated.trade_key AS source_key,
    stated.side AS kind,
    'base' AS "role",
    CASE WHEN booked.trade_key IS NULL THEN stated.base ELSE booked.asset END AS asset,
    CASE WHEN booked.trade_key IS NULL THEN stated.base_code ELSE booked.asset_code END AS asset_code,
    CASE
        WHEN booked.trade_key IS NOT NULL THEN booked.amount
        WHEN stated.side = 'buy' THEN stated.amount
        ELSE -stated.amount
    END AS amount,
    stated.executed_at AS occurred_at,
    stated.executed_day AS occurred_day,
    stated.seq
FROM _stated_trades AS stated
LEFT JOIN (SELECT *, amount > 0 AS comes_in FROM _booked WHERE kind = 'trade_leg') AS booked
    ON
        stated.connection_id = booked.connection_id
        AND stated.trade_key = booked.trade_key
        AND (stated.side = 'buy') = booked.comes_in
WHERE stated.market_type IN ('spot', 'margin')
UNION ALL
SELECT
    stated.connection_id,
    stated.exchange,
    'trade' AS source,
    stated.trade_key AS source_key,
    stated.side AS kind,
    'quote' AS "role",
    CASE WHEN booked.trade_key IS NULL THEN stated."quote" ELSE booked.asset END AS asset,
    CASE WHEN booked.trade_key IS NULL THEN stated.quote_code ELSE booked.asset_code END AS asset_code,
    CASE
        WHEN booked.trade_key IS NOT NULL THEN booked.amount
        WHEN stated.side = 'buy' THEN -stated.cost
        ELSE stated.cost
    END AS amount,
    stated.executed_at AS occurred_at,
    stated.executed_day AS occurred_day,
    stated.seq
FROM _stated_trades AS stated
LEFT JOIN (SELECT *, amount > 0 AS comes_in FROM _booked WHERE kind = 'trade_leg') AS booked
    ON
        stated.connection_id = booked.connection_id
        AND stated.trade_key = booked.trade_key
        AND (stated.side <> 'buy') = booked.comes_in
WHERE stated.market_type IN ('spot', 'margin') AND (booked.trade_key IS NOT NULL OR stated."quote" IS NOT NULL)
UNION ALL
SELECT
    stated.connection_id,
    stated.exchange,
    'trade' AS source,
    stated.trade_key AS source_key,
    stated.side AS kind,
    'fee' AS "role",
    CASE WHEN taken.trade_key IS NULL THEN stated.fee_asset ELSE taken.asset END AS asset,
    CASE WHEN taken.trade_key IS NULL THEN stated.fee_code ELSE taken.asset_code END AS asset_code,
    CASE WHEN taken.trade_key IS NULL THEN -stated.fee_amount ELSE taken.amount END AS amount,
    stated.executed_at AS occurred_at,
    stated.executed_day AS occurred_day,
    stated.seq
FROM _stated_trades AS stated
LEFT JOIN (SELECT * FROM _booked WHERE kind = 'trade_fee') AS taken
    ON stated.connection_id = taken.connection_id AND stated.trade_key = taken.trade_key
WHERE stated.market_type IN ('spot', 'margin') AND (taken.trade_key IS NOT NULL OR stated.fee_amount <> 0)
UNION ALL
-- Booked, but the execution itself was never read, or moves no assets as it is stated.
SELECT
    booked.connection_id,
    booked.exchange,
    'movement' AS source,
    booked.movement_key AS source_key,
    booked.kind,
    CASE WHEN booked.kind = 'trade_fee' THEN 'fee' ELSE 'main' END AS "role",
    booked.asset,
    booked.asset_code,
    booked.amount,
    booked.occurred_at,
    CAST(booked.occurred_at AT TIME ZONE 'UTC' AS DATE) AS occurred_day,
    booked.seq
FROM _booked AS booked
ANTI JOIN (SELECT connection_id, trade_key FROM _stated_trades WHERE market_type IN ('spot', 'margin')) AS stated
    ON booked.connection_id = stated.connection_id AND booked.trade_key = stated.trade_key
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
