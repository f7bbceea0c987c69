-- lake/sql/versions.sql: what the batch adds: new keys, and new versions of keys whose values changed.
-- In:  clean, raw_rows, stored (connection_id, record_key, version, economic_hash).  Out: added
-- Rows follow each other by seq; a row that says what the one before it said is dropped, so the oldest of equal rows stands.
CREATE OR REPLACE TEMP TABLE known AS
SELECT
    stored.connection_id,
    stored.record_key,
    max(stored.version) AS version,
    arg_max(stored.economic_hash, stored.version) AS economic_hash
FROM stored
SEMI JOIN clean ON stored.connection_id = clean.connection_id AND stored.record_key = clean.record_key
GROUP BY stored.connection_id, stored.record_key;

-- Almost every key stands once in the batch and nowhere else; only the others are put in order.
CREATE OR REPLACE TEMP TABLE contested AS
SELECT connection_id, record_key
FROM known
UNION
SELECT connection_id, record_key
FROM clean
GROUP BY connection_id, record_key
HAVING count(*) > 1;

CREATE OR REPLACE TEMP TABLE changed AS
WITH compared AS (
    SELECT
        clean.*,
        coalesce(known.version, 0) AS version_before,
        lag(clean.economic_hash, 1, known.economic_hash) OVER seq_order AS hash_before
    FROM clean
    INNER JOIN contested ON clean.connection_id = contested.connection_id AND clean.record_key = contested.record_key
    LEFT JOIN known ON clean.connection_id = known.connection_id AND clean.record_key = known.record_key
    WINDOW seq_order AS (PARTITION BY clean.connection_id, clean.record_key ORDER BY clean.seq)
)

SELECT
    * EXCLUDE (version_before, hash_before),
    version_before + row_number() OVER (PARTITION BY connection_id, record_key ORDER BY seq) AS version
FROM compared
WHERE economic_hash IS DISTINCT FROM hash_before;

CREATE OR REPLACE TEMP VIEW added AS
WITH both_kinds AS (
    SELECT clean.*, 1 AS version
    FROM clean
    ANTI JOIN contested ON clean.connection_id = contested.connection_id AND clean.record_key = contested.record_key
    UNION ALL
    SELECT *
    FROM changed
)

SELECT both_kinds.*, raw_rows.stream, raw_rows.fetched_at AS recorded_at
FROM both_kinds
INNER JOIN raw_rows ON both_kinds.connection_id = raw_rows.connection_id AND both_kinds.seq = raw_rows.seq;
