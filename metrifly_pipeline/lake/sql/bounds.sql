-- lake/sql/bounds.sql: up to which number each connection's raw records are taken where all that wait are.
-- In:  raw_files (view), jobs (connection_id, watermark), variable target
-- Out: bounds (connection_id, watermark, last_seq, records)
CREATE OR REPLACE TEMP TABLE bounds AS
SELECT
    raw_files.connection_id,
    jobs.watermark,
    max(raw_files.seq) AS last_seq,
    count(*) AS records
FROM raw_files
INNER JOIN jobs ON raw_files.connection_id = jobs.connection_id AND raw_files.seq > jobs.watermark
WHERE feeds(getvariable('target'), raw_files.stream)
GROUP BY raw_files.connection_id, jobs.watermark;
