-- lake/sql/unknown_codes.sql: codes that stand in rows under a meaning that nobody wrote down.
-- In: _trades, _movements, _balances, _reference, known_codes (exchange, code, asset).  Out: unknown_codes
-- A row is judged by the asset it was stored with, so a code stays unknown until its rows are rebuilt with the new alias.
CREATE OR REPLACE TEMP VIEW unknown_codes AS
WITH seen AS (
    SELECT connection_id, exchange, coalesce(base_code, market) AS code, base AS asset, base_code IS NULL AS is_market
    FROM _trades
    UNION
    SELECT connection_id, exchange, quote_code AS code, "quote" AS asset, FALSE AS is_market
    FROM _trades
    UNION
    SELECT connection_id, exchange, fee_code AS code, fee_asset AS asset, FALSE AS is_market
    FROM _trades
    UNION
    SELECT connection_id, exchange, asset_code AS code, asset, FALSE AS is_market
    FROM _movements
    UNION
    SELECT connection_id, exchange, asset_code AS code, asset, FALSE AS is_market
    FROM _balances
),

listed AS (
    SELECT _reference.exchange, _reference.base AS code
    FROM _reference
    UNION
    SELECT _reference.exchange, _reference."quote" AS code
    FROM _reference
),

known AS (
    SELECT exchange, code, asset FROM known_codes
    UNION
    SELECT listed.exchange, listed.code, listed.code AS asset
    FROM listed
    SEMI JOIN known_codes ON listed.exchange = known_codes.exchange AND known_codes.code = '*'
)

SELECT DISTINCT seen.connection_id, seen.code
FROM seen
ANTI JOIN known
    ON NOT seen.is_market AND seen.exchange = known.exchange AND seen.code = known.code AND seen.asset = known.asset
WHERE seen.code IS NOT NULL;
