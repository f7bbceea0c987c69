-- lake/sql/raw_batch.sql: the raw records of one exchange's batch.
-- In:  batch_files (view): those within the batch's bounds, of every stream; variable target.  Out: raw_rows
CREATE OR REPLACE TEMP TABLE raw_rows AS
WITH parsed AS (
    SELECT
        connection_id,
        seq,
        stream,
        scope,
        payload AS text,
        try_cast(payload AS JSON) AS payload,
        fetched_at
    FROM batch_files
    WHERE feeds(getvariable('target'), stream)
)

SELECT
    * EXCLUDE (text),
    if(payload IS NULL, text, NULL) AS broken
FROM parsed;
