-- lake/sql/sums.sql: what the legs add up to, by connection and asset. In: legs
SELECT
    connection_id,
    asset,
    sum(amount) AS amount
FROM legs
GROUP BY connection_id, asset
