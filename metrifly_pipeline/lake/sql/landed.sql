-- lake/sql/landed.sql: which wanted rows are there already. In: wanted, raw_files (view)
-- The same payload has the same time, so times bound the scan without hiding a row.
SELECT
    wanted.connection_id,
    wanted.seq,
    raw_files.seq AS there
FROM raw_files
INNER JOIN wanted
    ON
        raw_files.connection_id = wanted.connection_id
        AND raw_files.stream = wanted.stream
        AND raw_files.scope = wanted.scope
        AND raw_files.payload_hash = wanted.payload_hash
        AND raw_files."rank" = wanted."rank"
WHERE raw_files.seq <= wanted.watermark OR raw_files.seq >= wanted.own_from
