-- lake/sql/failed.sql: a raw record lands whole or not at all: one bad row holds back all rows of its record.
-- In:  typed, raw_rows, problems.  Out: failed (one row per raw record)
-- Only a record that gave several rows can name one key twice.
INSERT INTO problems
WITH several AS (
    SELECT connection_id, seq
    FROM typed
    GROUP BY connection_id, seq
    HAVING count(*) > 1
)

SELECT
    typed.connection_id,
    typed.seq,
    'key: twice in one record, with different values' AS problem,
    typed.record_key AS symbol,
    NULL AS amount_text
FROM typed
SEMI JOIN several ON typed.connection_id = several.connection_id AND typed.seq = several.seq
WHERE typed.is_good AND NOT typed.is_ignored
GROUP BY typed.connection_id, typed.seq, typed.record_key
HAVING count(DISTINCT typed.economic_hash) > 1;

INSERT INTO problems
SELECT
    raw_rows.connection_id,
    raw_rows.seq,
    if(raw_rows.broken IS NULL, 'not_understood', 'payload: not JSON') AS problem,
    NULL AS symbol,
    NULL AS amount_text
FROM raw_rows
ANTI JOIN typed ON raw_rows.connection_id = typed.connection_id AND raw_rows.seq = typed.seq
-- An account without assets: a snapshot with nothing in it is understood.
WHERE NOT (getvariable('target') = 'balances' AND coalesce(CAST(raw_rows.payload AS VARCHAR) IN ('{}', '[]'), FALSE));

CREATE OR REPLACE TEMP TABLE failed AS
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

CREATE OR REPLACE TEMP VIEW clean AS
SELECT typed.*
FROM typed
ANTI JOIN failed ON typed.connection_id = failed.connection_id AND typed.seq = failed.seq
WHERE NOT typed.is_ignored;
