-- lake/sql/trades_typed.sql: the strings of a room's trades.sql, typed where that is plain, with our asset codes.
-- In:  extracted, aliases.  Out: typed; rows with `is_hard` are finished by trades_hard.sql
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

spellings AS (
    SELECT
        *,
        is_spelled(price_text) AS price_is_spelled,
        is_spelled(amount_text) AS amount_is_spelled,
        is_spelled(cost_text) AS cost_is_spelled,
        is_spelled(fee_text) AS fee_is_spelled
    FROM texts
),

numbers AS (
    SELECT
        *,
        if(price_is_spelled OR is_plain(price_text), try_cast(price_text AS DECIMAL(38, 18)), NULL) AS price,
        if(amount_is_spelled OR is_plain(amount_text), try_cast(amount_text AS DECIMAL(38, 18)), NULL) AS amount,
        if(fee_is_spelled OR is_plain(fee_text), try_cast(fee_text AS DECIMAL(38, 18)), NULL) AS fee_amount,
        if(cost_is_spelled OR is_plain(cost_text), try_cast(cost_text AS DECIMAL(38, 18)), NULL) AS told_cost,
        micros(time_text, time_unit) AS time_us
    FROM spellings
),

costs AS (
    SELECT
        *,
        if(cost_text IS NULL, exact_product(amount_text, amount, price_text, price), told_cost) AS cost
    FROM numbers
),

times AS (
    SELECT
        *,
        price IS NOT NULL AS price_is_exact,
        cost_text IS NULL AS cost_is_derived,
        price IS NULL OR amount IS NULL OR cost IS NULL OR (fee_text IS NOT NULL AND fee_amount IS NULL) AS is_hard,
        if(is_plausible(time_us), make_timestamptz(time_us), NULL) AS executed_at
    FROM costs
)

SELECT
    times.* EXCLUDE (price_is_spelled, amount_is_spelled, cost_is_spelled, fee_is_spelled, told_cost),
    coalesce(base_alias.asset, times.base_code, times.market) AS base,
    coalesce(quote_alias.asset, times.quote_code) AS "quote",
    coalesce(fee_alias.asset, times.fee_code) AS fee_asset,
    base_alias.asset IS NULL
    OR (times.quote_code IS NOT NULL AND quote_alias.asset IS NULL)
    OR (times.fee_code IS NOT NULL AND fee_alias.asset IS NULL) AS has_unknown_code,
    trade_is_good(
        record_key, market, market_type, side, amount, price, cost, fee_text, fee_amount, fee_code, executed_at
    ) AS is_good,
    FALSE AS is_ignored,
    trade_hash(
        market,
        side,
        coalesce(digits(price, price_text, price_is_spelled), price_text),
        digits(amount, amount_text, amount_is_spelled),
        digits(cost, cost_text, cost_is_spelled),
        digits(fee_amount, fee_text, fee_is_spelled),
        fee_code,
        executed_at
    ) AS economic_hash
FROM times
LEFT JOIN aliases AS base_alias
    ON
        times.base_code = base_alias.code
        AND times.executed_at >= base_alias.valid_from AND times.executed_at < base_alias.valid_to
LEFT JOIN aliases AS quote_alias
    ON
        times.quote_code = quote_alias.code
        AND times.executed_at >= quote_alias.valid_from AND times.executed_at < quote_alias.valid_to
LEFT JOIN aliases AS fee_alias
    ON
        times.fee_code = fee_alias.code
        AND times.executed_at >= fee_alias.valid_from AND times.executed_at < fee_alias.valid_to
