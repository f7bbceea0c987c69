-- lake/sql/raw_batch.sql: what one exchange's room reads, at most `budget` raw records past each connection's watermark.
-- In:  raw_files (view), jobs (connection_id, watermark), variables target and budget
-- Out: bounds (connection_id, watermark, last_seq, records), raw_rows
CREATE OR REPLACE TEMP MACRO feeds(target, stream) AS CASE target
    WHEN 'trades' THEN stream = 'fills'
    WHEN 'balances' THEN stream = 'balances'
    ELSE stream NOT IN ('fills', 'balances', 'reference')
END;

CREATE OR REPLACE TEMP TABLE bounds AS
SELECT
    connection_id,
    watermark,
    max(seq) AS last_seq,
    count(*) AS records
FROM (
    SELECT
        raw_files.connection_id,
        raw_files.seq,
        jobs.watermark
    FROM raw_files
    INNER JOIN jobs ON raw_files.connection_id = jobs.connection_id AND raw_files.seq > jobs.watermark
    WHERE feeds(getvariable('target'), raw_files.stream)
    ORDER BY raw_files.connection_id, raw_files.seq
    LIMIT getvariable('budget')
)
GROUP BY connection_id, watermark;

CREATE OR REPLACE TEMP TABLE raw_rows AS
SELECT
    raw_files.connection_id,
    raw_files.seq,
    raw_files.stream,
    raw_files.scope,
    try_cast(raw_files.payload AS JSON) AS payload,
    if(try_cast(raw_files.payload AS JSON) IS NULL, raw_files.payload, NULL) AS broken,
    raw_files.fetched_at
FROM raw_files
INNER JOIN bounds
    ON raw_files.connection_id = bounds.connection_id
    AND raw_files.seq > bounds.watermark
    AND raw_files.seq <= bounds.last_seq
WHERE feeds(getvariable('target'), raw_files.stream);
