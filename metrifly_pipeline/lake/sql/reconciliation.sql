-- lake/sql/reconciliation.sql: reported balance minus what the legs add up to. In: _sums, balances, _snapshots
-- Only connections that were asked for balances; one that never held anything has snapshots but no balance rows.
WITH wallets AS (
    SELECT
        connection_id,
        asset,
        sum(trunc(total)) AS whole,
        sum(total - trunc(total)) AS part,
        max(asked_at) AS asked_at
    FROM balances
    GROUP BY connection_id, asset
),

reported AS (
    SELECT
        connection_id,
        asset,
        try(CAST(whole AS DECIMAL(38, 18)) + part) AS amount,
        asked_at
    FROM wallets
),

asked AS (
    SELECT
        connection_id,
        max(asked_at) AS asked_at
    FROM reported
    GROUP BY connection_id
    UNION ALL
    SELECT
        _snapshots.connection_id,
        max(_snapshots.fetched_at) AS asked_at
    FROM _snapshots
    SEMI JOIN (SELECT DISTINCT connection_id FROM _sums ANTI JOIN reported USING (connection_id)) AS silent
        ON _snapshots.connection_id = silent.connection_id
    GROUP BY _snapshots.connection_id
)

SELECT
    connection_id,
    asset,
    if(reported.asked_at IS NULL, 0, reported.amount) AS reported,
    if(_sums.asset IS NULL, 0, _sums.amount) AS ledger,
    try(if(reported.asked_at IS NULL, 0, reported.amount) - if(_sums.asset IS NULL, 0, _sums.amount)) AS difference,
    coalesce(reported.asked_at, asked.asked_at) AS asked_at
FROM _sums
FULL JOIN reported USING (connection_id, asset)
INNER JOIN asked USING (connection_id)
ORDER BY connection_id, asset
