-- lake/sql/one_code_unknown.sql: codes that no alias names, where a row has one code. In: typed
SELECT DISTINCT connection_id, asset_code
FROM typed
WHERE has_unknown_code AND is_good AND asset_code IS NOT NULL
