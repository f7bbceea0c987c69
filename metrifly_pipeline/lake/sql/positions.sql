-- lake/sql/positions.sql: sum of the legs by portfolio and asset. In: _sums, connections, entries
-- A sum that is too large for a decimal (another exchange's joke of a coin) is NULL, not an error for everybody else.
WITH parts AS (
    SELECT
        connections.portfolio_id,
        _sums.asset,
        _sums.amount
    FROM _sums
    INNER JOIN connections ON _sums.connection_id = connections.connection_id
    UNION ALL
    SELECT
        portfolio_id,
        asset,
        amount
    FROM entries
),

halves AS (
    SELECT
        portfolio_id,
        asset,
        sum(trunc(amount)) AS whole,
        sum(amount - trunc(amount)) AS part,
        bool_or(amount IS NULL) AS is_too_large
    FROM parts
    GROUP BY portfolio_id, asset
)

SELECT
    portfolio_id,
    asset,
    if(is_too_large, NULL, try(CAST(whole AS DECIMAL(38, 18)) + part)) AS amount
FROM halves
WHERE amount IS NULL OR amount <> 0
ORDER BY portfolio_id, asset
