-- lake/sql/raw_batch.sql: the raw records of one exchange's batch.
-- In:  raw_files (view), bounds (connection_id, watermark, last_seq).  Out: raw_rows
CREATE OR REPLACE TEMP TABLE raw_rows AS
WITH parsed AS (
    SELECT
        raw_files.connection_id,
        raw_files.seq,
        raw_files.stream,
        raw_files.scope,
        raw_files.payload AS text,
        try_cast(raw_files.payload AS JSON) AS payload,
        raw_files.fetched_at
    FROM raw_files
    INNER JOIN bounds
        ON
            raw_files.connection_id = bounds.connection_id
            AND raw_files.seq > bounds.watermark
            AND raw_files.seq <= bounds.last_seq
    WHERE feeds(getvariable('target'), raw_files.stream)
)

SELECT
    * EXCLUDE (text),
    if(payload IS NULL, text, NULL) AS broken
FROM parsed;
