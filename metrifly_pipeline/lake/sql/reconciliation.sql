-- lake/sql/reconciliation.sql: reported balance minus what the legs add up to. In: _sums, entries, balances, _snapshots
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

parts AS (
    SELECT
        connection_id,
        asset,
        amount
    FROM _sums
    UNION ALL
    SELECT
        connection_id,
        asset,
        amount
    FROM entries
    WHERE connection_id IS NOT NULL
),

halves AS (
    SELECT
        connection_id,
        asset,
        sum(trunc(amount)) AS whole,
        sum(amount - trunc(amount)) AS part,
        bool_or(amount IS NULL) AS is_too_large
    FROM parts
    GROUP BY connection_id, asset
),

booked AS (
    SELECT
        connection_id,
        asset,
        if(is_too_large, NULL, try(CAST(whole AS DECIMAL(38, 18)) + part)) AS amount
    FROM halves
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
    SEMI JOIN (SELECT DISTINCT connection_id FROM booked ANTI JOIN reported USING (connection_id)) AS silent
        ON _snapshots.connection_id = silent.connection_id
    GROUP BY _snapshots.connection_id
)

SELECT
    connection_id,
    asset,
    if(reported.asked_at IS NULL, 0, reported.amount) AS reported,
    if(booked.asset IS NULL, 0, booked.amount) AS ledger,
    try(if(reported.asked_at IS NULL, 0, reported.amount) - if(booked.asset IS NULL, 0, booked.amount)) AS difference,
    coalesce(reported.asked_at, asked.asked_at) AS asked_at
FROM booked
FULL JOIN reported USING (connection_id, asset)
INNER JOIN asked USING (connection_id)
ORDER BY connection_id, asset
