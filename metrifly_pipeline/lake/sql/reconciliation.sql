-- lake/sql/reconciliation.sql: reported balance minus what the legs add up to. In: legs, balances, _snapshots
-- Only connections that were asked for balances; one that never held anything has snapshots but no balance rows.
WITH ledger AS (
    SELECT connection_id, asset, sum(amount) AS ledger
    FROM legs
    GROUP BY connection_id, asset
),

reported AS (
    SELECT connection_id, asset, sum(total) AS reported, max(asked_at) AS asked_at
    FROM balances
    GROUP BY connection_id, asset
),

asked AS (
    SELECT connection_id, max(asked_at) AS asked_at
    FROM reported
    GROUP BY connection_id
    UNION ALL
    SELECT _snapshots.connection_id, max(_snapshots.fetched_at) AS asked_at
    FROM _snapshots
    SEMI JOIN (SELECT DISTINCT connection_id FROM ledger ANTI JOIN reported USING (connection_id)) AS silent
        ON _snapshots.connection_id = silent.connection_id
    GROUP BY _snapshots.connection_id
)

SELECT
    connection_id,
    asset,
    coalesce(reported.reported, 0) AS reported,
    coalesce(ledger.ledger, 0) AS ledger,
    coalesce(reported.reported, 0) - coalesce(ledger.ledger, 0) AS difference,
    coalesce(reported.asked_at, asked.asked_at) AS asked_at
FROM ledger
FULL JOIN reported USING (connection_id, asset)
INNER JOIN asked USING (connection_id)
ORDER BY connection_id, asset
