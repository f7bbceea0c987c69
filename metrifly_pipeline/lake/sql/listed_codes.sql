-- lake/sql/listed_codes.sql: every code that the exchange lists and no alias names stands for itself.
INSERT INTO aliases
WITH listed AS (
    SELECT base AS code FROM reference
    UNION
    SELECT quote AS code FROM reference
)

SELECT
    listed.code,
    listed.code AS asset,
    NULL AS wallet,
    TIMESTAMPTZ '2000-01-01 00:00:00+00' AS valid_from,
    TIMESTAMPTZ '9999-01-01 00:00:00+00' AS valid_to
FROM listed
ANTI JOIN aliases ON listed.code = aliases.code
WHERE listed.code IS NOT NULL;
