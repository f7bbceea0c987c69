-- lake/sql/counts.sql: what lies there for each connection. In: _trades, _movements, _quarantine, unknown_codes
WITH traded AS (
    SELECT
        connection_id,
        count(*) FILTER (version = 1) AS trades,
        count(*) FILTER (version > 1) AS amended,
        min(executed_at) AS first_trade_at,
        max(executed_at) AS last_trade_at
    FROM _trades
    GROUP BY connection_id
),

moved AS (
    SELECT
        connection_id,
        count(*) FILTER (version = 1) AS movements,
        count(*) FILTER (version > 1) AS amended
    FROM _movements
    WHERE kind NOT IN ('trade_fee', 'trade_leg')
    GROUP BY connection_id
),

unread AS (
    SELECT connection_id, count(*) AS quarantined
    FROM _quarantine
    GROUP BY connection_id
),

unknown AS (
    SELECT connection_id, list(code ORDER BY code) AS codes
    FROM unknown_codes
    GROUP BY connection_id
)

SELECT
    connection_id,
    coalesce(traded.trades, 0) AS trades,
    coalesce(moved.movements, 0) AS movements,
    coalesce(unread.quarantined, 0) AS quarantined,
    coalesce(traded.amended, 0) + coalesce(moved.amended, 0) AS amended,
    coalesce(unknown.codes, []) AS unknown_codes,
    traded.first_trade_at,
    traded.last_trade_at
FROM traded
FULL JOIN moved USING (connection_id)
FULL JOIN unread USING (connection_id)
FULL JOIN unknown USING (connection_id)
ORDER BY connection_id
