-- lake/sql/failed.sql: a raw record lands whole or not at all: one bad row holds back all rows of its record.
-- In:  typed, raw_rows.  Out: failed (one row per raw record), clean (the rows of all others)
CREATE OR REPLACE TEMP TABLE failed AS
WITH twice AS (
    SELECT connection_id, seq, record_key
    FROM typed
    WHERE problem IS NULL AND record_key IS NOT NULL
    GROUP BY connection_id, seq, record_key
    HAVING count(DISTINCT economic_hash) > 1
),

problems AS (
    SELECT connection_id, seq, problem, symbol, amount_text
    FROM typed
    WHERE problem IS NOT NULL
    UNION ALL
    SELECT connection_id, seq, 'key: twice in one record, with different values', record_key, NULL
    FROM twice
    UNION ALL
    SELECT
        raw_rows.connection_id,
        raw_rows.seq,
        if(raw_rows.broken IS NULL, 'not_understood', 'payload: not JSON'),
        NULL,
        NULL
    FROM raw_rows
    ANTI JOIN typed ON raw_rows.connection_id = typed.connection_id AND raw_rows.seq = typed.seq
    -- An account without assets: a snapshot with nothing in it is understood.
    WHERE NOT (getvariable('target') = 'balances' AND coalesce(CAST(raw_rows.payload AS VARCHAR) IN ('{}', '[]'), false))
)

SELECT
    problems.connection_id,
    problems.seq,
    min(problems.problem) AS reason,
    arg_min(problems.symbol, problems.problem) AS symbol,
    arg_min(problems.amount_text, problems.problem) AS amount_text,
    any_value(raw_rows.stream) AS stream,
    any_value(raw_rows.scope) AS scope,
    any_value(coalesce(CAST(raw_rows.payload AS VARCHAR), raw_rows.broken)) AS payload,
    any_value(raw_rows.fetched_at) AS fetched_at
FROM problems
INNER JOIN raw_rows ON problems.connection_id = raw_rows.connection_id AND problems.seq = raw_rows.seq
GROUP BY problems.connection_id, problems.seq;

CREATE OR REPLACE TEMP TABLE clean AS
SELECT typed.*, raw_rows.stream, raw_rows.fetched_at AS recorded_at
FROM typed
INNER JOIN raw_rows ON typed.connection_id = raw_rows.connection_id AND typed.seq = raw_rows.seq
ANTI JOIN failed ON typed.connection_id = failed.connection_id AND typed.seq = failed.seq
WHERE NOT typed.is_ignored;
