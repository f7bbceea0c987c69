-- lake/sql/trades_parsed.sql: the strings of a room's trades.sql, typed where they fit.
-- In:  extracted.  Out: parsed; rows with `is_hard` are finished by Python's integers
CREATE OR REPLACE TEMP TABLE parsed AS
WITH texts AS (
    SELECT
        CAST(connection_id AS VARCHAR) AS connection_id,
        CAST(seq AS BIGINT) AS seq,
        nullif(CAST(trade_key AS VARCHAR), '') AS record_key,
        nullif(CAST(native_id AS VARCHAR), '') AS native_id,
        nullif(CAST(order_id AS VARCHAR), '') AS order_id,
        nullif(CAST(market AS VARCHAR), '') AS market,
        nullif(CAST(market_type AS VARCHAR), '') AS market_type,
        nullif(CAST(base_code AS VARCHAR), '') AS base_code,
        nullif(CAST(quote_code AS VARCHAR), '') AS quote_code,
        CAST(side AS VARCHAR) AS side,
        nullif(CAST(price AS VARCHAR), '') AS price_text,
        nullif(CAST(amount AS VARCHAR), '') AS amount_text,
        nullif(CAST(cost AS VARCHAR), '') AS cost_text,
        nullif(CAST(fee_amount AS VARCHAR), '') AS fee_text,
        nullif(CAST(fee_code AS VARCHAR), '') AS fee_code,
        nullif(CAST(executed_at AS VARCHAR), '') AS time_text,
        CAST(executed_at_unit AS VARCHAR) AS time_unit
    FROM extracted
),

numbers AS (
    SELECT
        *,
        exact_decimal(price_text) AS price,
        exact_decimal(amount_text) AS amount,
        exact_decimal(cost_text) AS given_cost,
        exact_decimal(fee_text) AS fee_amount,
        moment(time_text, time_unit) AS executed_at
    FROM texts
)

SELECT
    * EXCLUDE (given_cost),
    price IS NOT NULL AS price_is_exact,
    cost_text IS NULL AS cost_is_derived,
    if(cost_text IS NULL, exact_product(amount_text, amount, price_text, price), given_cost) AS cost,
    (price IS NULL AND has_only_more_decimals(price_text))
    OR (
        cost_text IS NULL AND amount IS NOT NULL AND price IS NOT NULL
        AND exact_product(amount_text, amount, price_text, price) IS NULL
    ) AS is_hard
FROM numbers;
