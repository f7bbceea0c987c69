-- lake/sql/balances_typed.sql: the strings of a room's balances.sql, typed where that is plain, with our asset codes.
-- In:  extracted, raw_rows, aliases.  Out: typed; rows with `is_hard` are finished by balances_hard.sql
WITH texts AS (
    SELECT
        CAST(connection_id AS VARCHAR) AS connection_id,
        CAST(seq AS BIGINT) AS seq,
        nullif(CAST(wallet AS VARCHAR), '') AS told_wallet,
        nullif(CAST(asset_code AS VARCHAR), '') AS asset_code,
        nullif(CAST(total AS VARCHAR), '') AS total_text,
        nullif(CAST(available AS VARCHAR), '') AS available_text,
        nullif(CAST(locked AS VARCHAR), '') AS locked_text
    FROM extracted
),

numbers AS (
    SELECT
        *,
        asset_code IS NULL AND coalesce(total_text, available_text, locked_text) IS NULL AS is_ignored,
        plain_decimal(available_text) AS available,
        plain_decimal(locked_text) AS locked,
        plain_decimal(total_text) AS told_total
    FROM texts
),

totals AS (
    SELECT
        *,
        -- a sum may be too large although its parts fit
        if(total_text IS NULL, try(available + locked), told_total) AS total,
        NOT is_ignored AND (total IS NULL OR (available_text IS NOT NULL AND available IS NULL)) AS is_hard
    FROM numbers
)

SELECT
    totals.*,
    raw_rows.scope,
    raw_rows.fetched_at AS asked_at,
    coalesce(aliases.asset, totals.asset_code) AS asset,
    coalesce(aliases.wallet, totals.told_wallet) AS wallet,
    totals.asset_code IS NOT NULL AND aliases.asset IS NULL AND totals.total IS DISTINCT FROM 0 AS has_unknown_code,
    coalesce(totals.total_text, totals.available_text) AS amount_text,
    totals.told_wallet || chr(31) || totals.asset_code AS record_key,
    totals.is_ignored OR balance_is_good(asset_code, told_wallet, available_text, available, total) AS is_good,
    concat_ws(chr(31), part(totals.total_text), part(totals.available_text), part(totals.locked_text)) AS economic_hash
FROM totals
INNER JOIN raw_rows ON totals.connection_id = raw_rows.connection_id AND totals.seq = raw_rows.seq
LEFT JOIN aliases
    ON
        totals.asset_code = aliases.code
        AND raw_rows.fetched_at >= aliases.valid_from AND raw_rows.fetched_at < aliases.valid_to
