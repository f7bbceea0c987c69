-- lake/sql/trades_problems.sql: what is wrong with the rows that aren't good. In: typed
INSERT INTO problems
SELECT
    connection_id,
    seq,
    CASE
        WHEN record_key IS NULL THEN 'trade_key: missing'
        WHEN market IS NULL THEN 'market: missing'
        WHEN market_type IS NULL THEN 'market_type: missing'
        WHEN side IS NULL OR side NOT IN ('buy', 'sell') THEN 'side: neither buy nor sell'
        WHEN amount IS NULL THEN number_problem('amount', amount_text)
        WHEN amount < 0 THEN 'amount: negative'
        WHEN price IS NULL THEN number_problem('price', price_text)
        WHEN price < 0 THEN 'price: negative'
        WHEN executed_at IS NULL THEN moment_problem('executed_at', time_text, time_us)
        WHEN fee_text IS NOT NULL AND fee_amount IS NULL THEN number_problem('fee_amount', fee_text)
        WHEN cost IS NULL AND cost_is_derived THEN 'cost: amount x price has more than 20 integer digits'
        WHEN cost IS NULL THEN number_problem('cost', cost_text)
        ELSE 'fee_code: missing'
    END AS problem,
    market AS symbol,
    amount_text
FROM typed
WHERE NOT is_good;
