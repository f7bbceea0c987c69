-- lake/sql/movements_problems.sql: what is wrong with the rows that aren't good. In: typed
INSERT INTO problems
SELECT
    connection_id,
    seq,
    CASE
        WHEN record_key IS NULL THEN 'movement_key: missing'
        WHEN kind IS NULL THEN 'kind: missing'
        WHEN "role" IS NULL OR "role" NOT IN ('main', 'disposed', 'received', 'fee') THEN 'role: unknown'
        WHEN asset_code IS NULL THEN 'asset_code: missing'
        WHEN amount_as_told IS NULL THEN number_problem('amount', amount_text)
        WHEN direction IS NULL OR direction NOT IN ('in', 'out', 'signed') THEN 'direction: unknown'
        WHEN direction <> 'signed' AND amount_as_told < 0 THEN 'amount: negative'
        ELSE moment_problem('occurred_at', time_text, time_us)
    END AS problem,
    asset_code AS symbol,
    amount_text
FROM typed
WHERE NOT is_good;
