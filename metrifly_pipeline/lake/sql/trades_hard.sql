-- lake/sql/trades_hard.sql: what the plain way left open: exponents, many zeros, products that need more room.
-- In:  typed_rows, settled (row_number, price, cost: by Python's integers).  Out: typed_rows
UPDATE typed_rows
SET
    amount = exact_decimal(amount_text),
    fee_amount = exact_decimal(fee_text),
    price = exact_decimal(price_text),
    price_is_exact = exact_decimal(price_text) IS NOT NULL,
    cost = if(cost_is_derived, cost, exact_decimal(cost_text))
WHERE is_hard;

UPDATE typed_rows
SET
    price = coalesce(typed_rows.price, settled.price),
    cost = if(typed_rows.cost_is_derived, settled.cost, typed_rows.cost)
FROM settled
WHERE typed_rows.rowid = settled.row_number;

UPDATE typed_rows
SET
    is_good = trade_is_good(
        record_key, market, market_type, side, amount, price, cost, fee_text, fee_amount, fee_code, executed_at
    ),
    economic_hash = trade_hash(
        market,
        side,
        coalesce(CAST(if(price_is_exact, price, NULL) AS VARCHAR), price_text),
        amount,
        cost,
        fee_amount,
        fee_code,
        executed_at
    )
WHERE is_hard;
