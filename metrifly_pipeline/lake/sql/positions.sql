-- lake/sql/positions.sql: sum of the legs by portfolio and asset. In: _sums, connections
-- A sum that is too large for a decimal (another exchange's joke of a coin) is NULL, not an error for everybody else.
WITH halves AS (
    SELECT
        connections.portfolio_id,
        _sums.asset,
        sum(trunc(_sums.amount)) AS whole,
        sum(_sums.amount - trunc(_sums.amount)) AS part,
        bool_or(_sums.amount IS NULL) AS is_too_large
    FROM _sums
    INNER JOIN connections ON _sums.connection_id = connections.connection_id
    GROUP BY connections.portfolio_id, _sums.asset
)

SELECT
    portfolio_id,
    asset,
    if(is_too_large, NULL, try(CAST(whole AS DECIMAL(38, 18)) + part)) AS amount
FROM halves
WHERE amount IS NULL OR amount <> 0
ORDER BY portfolio_id, asset
