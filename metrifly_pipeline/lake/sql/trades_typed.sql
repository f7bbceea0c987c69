-- lake/sql/trades_typed.sql: trades with our asset codes, what is wrong with them, and the fingerprint of their values.
-- In:  parsed, aliases.  Out: typed
CREATE OR REPLACE TEMP TABLE typed AS
SELECT
    parsed.*,
    coalesce(base_alias.asset, parsed.base_code, parsed.market) AS base,
    coalesce(quote_alias.asset, parsed.quote_code) AS quote,
    coalesce(fee_alias.asset, parsed.fee_code) AS fee_asset,
    list_filter(
        [
            if(base_alias.asset IS NULL, coalesce(parsed.base_code, parsed.market), NULL),
            if(quote_alias.asset IS NULL, parsed.quote_code, NULL),
            if(fee_alias.asset IS NULL, parsed.fee_code, NULL)
        ],
        lambda code: code IS NOT NULL
    ) AS unknown_codes,
    parsed.market AS symbol,
    false AS is_ignored,
    CASE
        WHEN
            parsed.record_key IS NOT NULL AND parsed.market IS NOT NULL AND parsed.market_type IS NOT NULL
            AND parsed.side IN ('buy', 'sell') AND parsed.amount >= 0 AND parsed.price >= 0 AND parsed.cost IS NOT NULL
            AND (parsed.fee_text IS NULL OR parsed.fee_amount IS NOT NULL)
            AND (parsed.fee_code IS NOT NULL OR coalesce(parsed.fee_amount, 0) = 0)
            AND parsed.executed_at IS NOT NULL
            THEN NULL
        WHEN parsed.record_key IS NULL THEN 'trade_key: missing'
        WHEN parsed.market IS NULL THEN 'market: missing'
        WHEN parsed.market_type IS NULL THEN 'market_type: missing'
        WHEN parsed.side IS NULL OR parsed.side NOT IN ('buy', 'sell') THEN 'side: neither buy nor sell'
        WHEN parsed.amount IS NULL THEN number_problem('amount', parsed.amount_text)
        WHEN parsed.amount < 0 THEN 'amount: negative'
        WHEN parsed.price IS NULL THEN number_problem('price', parsed.price_text)
        WHEN parsed.price < 0 THEN 'price: negative'
        WHEN parsed.executed_at IS NULL THEN moment_problem('executed_at', parsed.time_text, parsed.time_unit)
        WHEN parsed.fee_text IS NOT NULL AND parsed.fee_amount IS NULL THEN number_problem('fee_amount', parsed.fee_text)
        WHEN parsed.cost IS NULL AND parsed.cost_is_derived THEN 'cost: amount x price has more than 20 integer digits'
        WHEN parsed.cost IS NULL THEN number_problem('cost', parsed.cost_text)
        ELSE 'fee_code: missing'
    END AS problem,
    fingerprint(
        part(parsed.market) || part(parsed.side) || part(if(parsed.price_is_exact, CAST(parsed.price AS VARCHAR), parsed.price_text))
        || part(parsed.amount) || part(parsed.cost) || part(parsed.fee_amount) || part(parsed.fee_code)
        || part(epoch_us(parsed.executed_at))
    ) AS economic_hash
FROM parsed
LEFT JOIN aliases AS base_alias
    ON parsed.base_code = base_alias.code
    AND parsed.executed_at >= base_alias.valid_from AND parsed.executed_at < base_alias.valid_to
LEFT JOIN aliases AS quote_alias
    ON parsed.quote_code = quote_alias.code
    AND parsed.executed_at >= quote_alias.valid_from AND parsed.executed_at < quote_alias.valid_to
LEFT JOIN aliases AS fee_alias
    ON parsed.fee_code = fee_alias.code
    AND parsed.executed_at >= fee_alias.valid_from AND parsed.executed_at < fee_alias.valid_to;
