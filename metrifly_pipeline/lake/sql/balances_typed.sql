-- lake/sql/balances_typed.sql: the strings of a room's balances.sql, typed, with what is wrong with them.
-- In:  extracted, raw_rows, aliases.  Out: typed
CREATE OR REPLACE TEMP TABLE parsed AS
WITH texts AS (
    SELECT
        CAST(connection_id AS VARCHAR) AS connection_id,
        CAST(seq AS BIGINT) AS seq,
        nullif(CAST(wallet AS VARCHAR), '') AS wallet,
        nullif(CAST(asset_code AS VARCHAR), '') AS asset_code,
        nullif(CAST(total AS VARCHAR), '') AS total_text,
        nullif(CAST(available AS VARCHAR), '') AS available_text,
        nullif(CAST(locked AS VARCHAR), '') AS locked_text
    FROM extracted
)

SELECT
    *,
    exact_decimal(available_text) AS available,
    CASE
        WHEN total_text IS NOT NULL THEN exact_decimal(total_text)
        ELSE try(exact_decimal(available_text) + exact_decimal(locked_text))
    END AS total
FROM texts;

CREATE OR REPLACE TEMP TABLE typed AS
SELECT
    parsed.* EXCLUDE (wallet),
    raw_rows.scope,
    raw_rows.fetched_at AS asked_at,
    coalesce(alias.asset, parsed.asset_code) AS asset,
    coalesce(alias.wallet, parsed.wallet) AS wallet,
    if(alias.asset IS NULL AND parsed.asset_code IS NOT NULL AND parsed.total <> 0, [parsed.asset_code], []) AS unknown_codes,
    parsed.asset_code AS symbol,
    parsed.asset_code IS NULL AND coalesce(total_text, available_text, locked_text) IS NULL AS is_ignored,
    coalesce(parsed.total_text, parsed.available_text) AS amount_text,
    parsed.wallet || chr(31) || parsed.asset_code AS record_key,
    CAST(parsed.total AS VARCHAR) || '/' || coalesce(CAST(parsed.available AS VARCHAR), '') AS economic_hash,
    CASE
        WHEN is_ignored THEN NULL
        WHEN parsed.asset_code IS NULL THEN 'asset_code: missing'
        WHEN parsed.wallet IS NULL THEN 'wallet: missing'
        WHEN parsed.available_text IS NOT NULL AND parsed.available IS NULL
            THEN number_problem('available', parsed.available_text)
        WHEN parsed.total IS NOT NULL THEN NULL
        WHEN parsed.total_text IS NOT NULL THEN number_problem('total', parsed.total_text)
        WHEN parsed.available IS NULL THEN 'total: missing'
        WHEN exact_decimal(parsed.locked_text) IS NULL THEN number_problem('locked', parsed.locked_text)
        ELSE 'total: more than 20 integer digits'
    END AS problem
FROM parsed
INNER JOIN raw_rows ON parsed.connection_id = raw_rows.connection_id AND parsed.seq = raw_rows.seq
LEFT JOIN aliases AS alias
    ON parsed.asset_code = alias.code
    AND raw_rows.fetched_at >= alias.valid_from AND raw_rows.fetched_at < alias.valid_to;
