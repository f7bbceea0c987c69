-- lake/sql/balance_changes.sql: what the batch's snapshots change, compared with each other and with what is stored.
-- In:  clean, raw_rows, failed, stored.  Out: added
-- What was reported before and is missing from a newer snapshot of the same scope has become 0.
CREATE OR REPLACE TEMP TABLE snapshots AS
SELECT raw_rows.connection_id, raw_rows.scope, raw_rows.seq, raw_rows.fetched_at
FROM raw_rows
ANTI JOIN failed ON raw_rows.connection_id = failed.connection_id AND raw_rows.seq = failed.seq;

CREATE OR REPLACE TEMP TABLE newest AS
SELECT
    connection_id,
    scope,
    wallet,
    asset_code,
    max_by(asset, seq) AS asset,
    max_by(total, seq) AS total,
    -- As text, since max_by passes over a NULL.
    max_by(coalesce(CAST(available AS VARCHAR), ''), seq) AS available_text
FROM stored
WHERE connection_id IN (SELECT snapshots.connection_id FROM snapshots)
GROUP BY connection_id, scope, wallet, asset_code;

CREATE OR REPLACE TEMP TABLE balance_rows AS
WITH places AS (
    SELECT connection_id, scope, wallet, asset_code FROM newest
    UNION
    SELECT connection_id, scope, wallet, asset_code FROM clean
),

reported AS (
    SELECT
        places.*,
        snapshots.seq,
        snapshots.fetched_at AS asked_at,
        coalesce(last_value(clean.asset IGNORE NULLS) OVER place_order, newest.asset) AS asset,
        coalesce(clean.total, 0) AS total,
        if(coalesce(clean.total, 0) = 0, CAST(0 AS DECIMAL(38, 18)), clean.available) AS available,
        -- What was never reported counts as 0, so that an exchange's long list of zeros adds nothing.
        coalesce(newest.total, 0) AS stored_total,
        coalesce(newest.available_text, CAST(CAST(0 AS DECIMAL(38, 18)) AS VARCHAR)) AS stored_available
    FROM places
    INNER JOIN snapshots ON places.connection_id = snapshots.connection_id AND places.scope = snapshots.scope
    LEFT JOIN clean
        ON
            places.connection_id = clean.connection_id AND places.scope = clean.scope
            AND places.wallet = clean.wallet AND places.asset_code = clean.asset_code AND snapshots.seq = clean.seq
    LEFT JOIN newest
        ON
            places.connection_id = newest.connection_id AND places.scope = newest.scope
            AND places.wallet = newest.wallet AND places.asset_code = newest.asset_code
    WINDOW place_order AS (
        PARTITION BY places.connection_id, places.scope, places.wallet, places.asset_code ORDER BY snapshots.seq
    )
),

compared AS (
    SELECT
        *,
        lag(total, 1, stored_total) OVER place_order AS total_before,
        lag(coalesce(CAST(available AS VARCHAR), ''), 1, stored_available) OVER place_order AS available_before
    FROM reported
    WINDOW place_order AS (PARTITION BY connection_id, scope, wallet, asset_code ORDER BY seq)
)

SELECT
    connection_id, wallet, asset, asset_code, total, available, asked_at, seq, scope, 1 AS version
FROM compared
WHERE total <> total_before OR coalesce(CAST(available AS VARCHAR), '') <> available_before;

CREATE OR REPLACE TEMP VIEW added AS
SELECT *
FROM balance_rows;
