-- lake/sql/balances_problems.sql: what is wrong with the rows that aren't good. In: typed
INSERT INTO problems
SELECT
    connection_id,
    seq,
    CASE
        WHEN asset_code IS NULL THEN 'asset_code: missing'
        WHEN told_wallet IS NULL THEN 'wallet: missing'
        WHEN available_text IS NOT NULL AND available IS NULL THEN number_problem('available', available_text)
        WHEN total_text IS NOT NULL THEN number_problem('total', total_text)
        WHEN available IS NULL THEN 'total: missing'
        WHEN locked IS NULL THEN number_problem('locked', locked_text)
        ELSE 'total: more than 20 integer digits'
    END AS problem,
    asset_code AS symbol,
    amount_text
FROM typed
WHERE NOT is_good;
