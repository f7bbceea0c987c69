-- lake/sql/trades_unknown.sql: codes that no alias names. In: typed, aliases
WITH seen AS (
    SELECT connection_id, coalesce(base_code, market) AS code, base_code IS NULL AS is_market, executed_at
    FROM typed
    WHERE has_unknown_code AND is_good
    UNION
    SELECT connection_id, quote_code AS code, FALSE AS is_market, executed_at
    FROM typed
    WHERE has_unknown_code AND is_good
    UNION
    SELECT connection_id, fee_code AS code, FALSE AS is_market, executed_at
    FROM typed
    WHERE has_unknown_code AND is_good
)

SELECT DISTINCT seen.connection_id, seen.code
FROM seen
ANTI JOIN aliases
    ON
        NOT seen.is_market AND seen.code = aliases.code
        AND seen.executed_at >= aliases.valid_from AND seen.executed_at < aliases.valid_to
WHERE seen.code IS NOT NULL
