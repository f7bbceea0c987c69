-- lake/sql/lookalikes.sql: the newest versions of records that say what is sought.
-- In: _trades, _movements, sought (number, asset, amount, earliest, latest)
WITH imported AS (
    SELECT
        connection_id,
        side AS kind,
        trade_key AS record_key,
        base AS asset,
        CASE side WHEN 'sell' THEN -amount ELSE amount END AS amount,
        executed_at AS occurred_at
    FROM _trades
    QUALIFY version = max(version) OVER (PARTITION BY connection_id, trade_key)
    UNION ALL
    SELECT
        connection_id,
        kind,
        movement_key AS record_key,
        asset,
        amount,
        occurred_at
    FROM _movements
    WHERE kind NOT IN ('trade_fee', 'trade_leg')
    QUALIFY version = max(version) OVER (PARTITION BY connection_id, movement_key)
)

SELECT DISTINCT
    sought.number,
    imported.connection_id,
    imported.kind,
    imported.record_key,
    imported.occurred_at
FROM sought
INNER JOIN imported
    ON
        sought.asset = imported.asset
        AND sought.amount = imported.amount
        AND imported.occurred_at BETWEEN sought.earliest AND sought.latest
