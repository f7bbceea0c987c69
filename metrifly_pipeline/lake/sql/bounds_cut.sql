-- lake/sql/bounds_cut.sql: up to which number each connection's raw records are taken where more than `budget` wait.
-- In:  raw_files (view), jobs (connection_id, watermark), variables target and budget
-- Out: bounds (connection_id, watermark, last_seq, records)
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
