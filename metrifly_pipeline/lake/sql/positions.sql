-- lake/sql/positions.sql: sum of the legs by portfolio and asset. In: legs, connections
SELECT
    connections.portfolio_id,
    legs.asset,
    sum(legs.amount) AS amount
FROM legs
INNER JOIN connections ON legs.connection_id = connections.connection_id
GROUP BY connections.portfolio_id, legs.asset
HAVING sum(legs.amount) <> 0
ORDER BY connections.portfolio_id, legs.asset
