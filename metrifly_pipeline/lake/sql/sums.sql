-- lake/sql/sums.sql: what the legs add up to, by connection and asset. In: _legs
SELECT
    connection_id,
    asset,
    sum(amount) AS amount
FROM _legs
GROUP BY connection_id, asset
