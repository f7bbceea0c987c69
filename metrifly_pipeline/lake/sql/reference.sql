-- lake/sql/reference.sql: markets of one exchange with the span in which each version held.
-- In:  reference_files (view), variable exchange.  Out: reference
-- What was listed first is taken to have held before, too; what was listed last holds on.
CREATE OR REPLACE TEMP TABLE reference AS
WITH listed AS (
    SELECT DISTINCT market_id, base, quote, seen_at
    FROM reference_files
    WHERE exchange = getvariable('exchange')
),

compared AS (
    SELECT
        *,
        lag(base) OVER version_order AS base_before,
        lag(quote) OVER version_order AS quote_before
    FROM listed
    WINDOW version_order AS (PARTITION BY market_id ORDER BY seen_at)
)

SELECT
    market_id,
    base,
    quote,
    if(lag(seen_at) OVER version_order IS NULL, TIMESTAMPTZ '2000-01-01 00:00:00+00', seen_at) AS valid_from,
    lead(seen_at, 1, TIMESTAMPTZ '9999-01-01 00:00:00+00') OVER version_order AS valid_to
FROM compared
WHERE base IS DISTINCT FROM base_before OR quote IS DISTINCT FROM quote_before
WINDOW version_order AS (PARTITION BY market_id ORDER BY seen_at);
