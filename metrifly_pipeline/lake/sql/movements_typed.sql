-- lake/sql/movements_typed.sql: the strings of a room's movements.sql, typed where that is plain, with our asset codes.
-- In:  extracted, aliases.  Out: typed; rows with `is_hard` are finished by movements_hard.sql
WITH texts AS (
    SELECT
        CAST(connection_id AS VARCHAR) AS connection_id,
        CAST(seq AS BIGINT) AS seq,
        nullif(CAST(movement_key AS VARCHAR), '') AS record_key,
        nullif(CAST(native_id AS VARCHAR), '') AS native_id,
        nullif(CAST(group_key AS VARCHAR), '') AS group_key,
        nullif(CAST(kind AS VARCHAR), '') AS kind,
        CAST("role" AS VARCHAR) AS "role",
        nullif(CAST(asset_code AS VARCHAR), '') AS asset_code,
        nullif(CAST(amount AS VARCHAR), '') AS amount_text,
        CAST(direction AS VARCHAR) AS direction,
        nullif(CAST(occurred_at AS VARCHAR), '') AS time_text,
        CAST(occurred_at_unit AS VARCHAR) AS time_unit,
        nullif(CAST(wallet AS VARCHAR), '') AS told_wallet,
        nullif(CAST(txid AS VARCHAR), '') AS txid
    FROM extracted
),

numbers AS (
    SELECT
        *,
        kind = 'ignored' AND record_key IS NULL AS is_ignored,
        plain_decimal(amount_text) AS amount_as_told,
        micros(time_text, time_unit) AS time_us
    FROM texts
),

times AS (
    SELECT
        *,
        NOT coalesce(is_ignored, FALSE) AND amount_as_told IS NULL AS is_hard,
        if(direction = 'out', -amount_as_told, amount_as_told) AS amount,
        if(is_plausible(time_us), make_timestamptz(time_us), NULL) AS occurred_at
    FROM numbers
)

SELECT
    times.* REPLACE (coalesce(times.is_ignored, FALSE) AS is_ignored),
    coalesce(aliases.asset, times.asset_code) AS asset,
    coalesce(aliases.wallet, times.told_wallet) AS wallet,
    times.asset_code IS NOT NULL AND aliases.asset IS NULL AS has_unknown_code,
    coalesce(times.is_ignored, FALSE)
    OR movement_is_good(record_key, kind, "role", asset_code, amount_as_told, direction, occurred_at) AS is_good,
    movement_hash(kind, "role", asset_code, amount, occurred_at) AS economic_hash
FROM times
LEFT JOIN aliases
    ON
        times.asset_code = aliases.code
        AND times.occurred_at >= aliases.valid_from AND times.occurred_at < aliases.valid_to
