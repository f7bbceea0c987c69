-- lake/sql/superseded.sql: raw records whose values a newer version replaced. In: stored (view)
SELECT DISTINCT
    older.connection_id,
    older.seq
FROM stored AS older
INNER JOIN stored AS newer
    ON
        older.connection_id = newer.connection_id
        AND older.record_key = newer.record_key
        AND older.version + 1 = newer.version
WHERE newer.version > 1
