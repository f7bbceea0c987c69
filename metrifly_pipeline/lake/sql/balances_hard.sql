-- lake/sql/balances_hard.sql: numbers that the plain way left open: exponents and many zeros. In and out: typed_rows
UPDATE typed_rows
SET
    available = exact_decimal(available_text),
    locked = exact_decimal(locked_text),
    told_total = exact_decimal(total_text)
WHERE is_hard;

UPDATE typed_rows
SET total = if(total_text IS NULL, try(available + locked), told_total)
WHERE is_hard;

UPDATE typed_rows
SET is_good = balance_is_good(asset_code, told_wallet, available_text, available, total)
WHERE is_hard;
