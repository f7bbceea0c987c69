-- lake/sql/movements_hard.sql: amounts that the plain way left open: exponents and many zeros. In and out: typed_rows
UPDATE typed_rows
SET amount_as_told = exact_decimal(amount_text)
WHERE is_hard;

UPDATE typed_rows
SET
    amount = if(direction = 'out', -amount_as_told, amount_as_told),
    is_good = movement_is_good(record_key, kind, "role", asset_code, amount_as_told, direction, occurred_at),
    economic_hash = movement_hash(
        kind, "role", asset_code, if(direction = 'out', -amount_as_told, amount_as_told), occurred_at
    )
WHERE is_hard;
