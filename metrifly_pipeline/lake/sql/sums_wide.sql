-- lake/sql/sums_wide.sql: the same where a sum is too large for a decimal: that one is NULL, and all others stand. In: _legs
WITH halves AS (
    SELECT
        connection_id,
        asset,
        sum(trunc(amount)) AS whole,
        sum(amount - trunc(amount)) AS part
    FROM _legs
    GROUP BY connection_id, asset
)

SELECT
    connection_id,
    asset,
    try(CAST(whole AS DECIMAL(38, 18)) + part) AS amount
FROM halves
