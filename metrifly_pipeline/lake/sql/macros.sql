-- lake/sql/macros.sql: checked typing, the plain way. Text comes from exchanges; nothing here raises, rounds or guesses.
-- A number is -?digits[.digits][e[+-]digits], at most 20 integer digits and 18 decimals once its exponent is expanded.

-- The plain way: a number that surely fits. Almost every row takes it; only what it leaves open takes the long one.
CREATE OR REPLACE TEMP MACRO is_plain(t) AS regexp_full_match(t, '-?[0-9]{1,20}(\.[0-9]{1,18})?');
CREATE OR REPLACE TEMP MACRO plain_decimal(t) AS if(is_plain(t), try_cast(t AS DECIMAL(38, 18)), NULL);
-- Written just as DECIMAL(38, 18) is, but for zeros at the end: such a text needs no way through the number to become its digits.
CREATE OR REPLACE TEMP MACRO is_spelled(t) AS regexp_full_match(t, '(0|[1-9][0-9]{0,19})\.[0-9]{1,18}');
CREATE OR REPLACE TEMP MACRO spelled(t) AS left(t || '000000000000000000', strpos(t, '.') + 18);
CREATE OR REPLACE TEMP MACRO digits(number, t, t_is_spelled) AS if(t_is_spelled, spelled(t), CAST(number AS VARCHAR));

-- Exact multiplication: (19, 9) x (19, 9) is (38, 18) without rounding, proven by the way back to the wide value.
-- Each side is a text beside the number that was read from it: from a text the way to the narrow value is much shorter.
CREATE OR REPLACE TEMP MACRO narrow(t) AS try_cast(t AS DECIMAL(19, 9));
CREATE OR REPLACE TEMP MACRO exact_product(a_text, a, b_text, b) AS
    if(narrow(a_text) = a AND narrow(b_text) = b, narrow(a_text) * narrow(b_text), NULL);

-- Times to microseconds since 1970, cut towards the past; NULL where the text is no time in that unit.
CREATE OR REPLACE TEMP MACRO first_decimals(t, places) AS
    CAST(rpad(left(split_part(t, '.', 2), places), places, '0') AS BIGINT);
CREATE OR REPLACE TEMP MACRO datetime_micros(t) AS
    epoch_us(try_cast(replace(left(t, 19), ' ', 'T') AS TIMESTAMP)) + first_decimals(rtrim(substr(t, 20), 'Z'), 6);
CREATE OR REPLACE TEMP MACRO micros(t, unit) AS CASE
    WHEN unit = 'ms' AND regexp_full_match(t, '[0-9]{1,15}') THEN CAST(t AS BIGINT) * 1000
    WHEN unit = 'ms' AND regexp_full_match(t, '[0-9]{1,15}\.[0-9]+')
        THEN CAST(split_part(t, '.', 1) AS BIGINT) * 1000 + first_decimals(t, 3)
    WHEN unit = 's' AND regexp_full_match(t, '[0-9]{1,12}') THEN CAST(t AS BIGINT) * 1000000
    WHEN unit = 's' AND regexp_full_match(t, '[0-9]{1,12}\.[0-9]+')
        THEN CAST(split_part(t, '.', 1) AS BIGINT) * 1000000 + first_decimals(t, 6)
    WHEN unit = 'us' AND regexp_full_match(t, '[0-9]{1,18}') THEN CAST(t AS BIGINT)
    WHEN unit = 'ns' AND regexp_full_match(t, '[0-9]{1,18}|[1-8][0-9]{18}') THEN CAST(t AS BIGINT) // 1000
    WHEN unit = 'datetime'
        AND regexp_full_match(t, '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?')
        THEN datetime_micros(t)
END;
-- No exchange is older than 2009; `latest_us` is tomorrow, set by the engine.
CREATE OR REPLACE TEMP MACRO is_plausible(us) AS
    coalesce(us BETWEEN 1230768000000000 AND getvariable('latest_us'), FALSE);
CREATE OR REPLACE TEMP MACRO moment_problem(field, t, us) AS field || ': ' || CASE
    WHEN t IS NULL THEN 'missing'
    WHEN us IS NULL THEN 'unreadable'
    ELSE 'before 2009 or in the future'
END;

-- Parts of a fingerprint: a missing value and an empty one are not the same.
CREATE OR REPLACE TEMP MACRO part(value) AS coalesce(CAST(value AS VARCHAR), chr(0));

-- What a row must have to land, and the fingerprint of what it says; another fingerprint is an amendment.
CREATE OR REPLACE TEMP MACRO trade_is_good(
    record_key, market, market_type, side, amount, price, cost, fee_text, fee_amount, fee_code, executed_at
) AS
    record_key IS NOT NULL AND market IS NOT NULL AND market_type IS NOT NULL
    AND coalesce(side IN ('buy', 'sell'), FALSE)
    AND coalesce(amount >= 0 AND price >= 0, FALSE) AND cost IS NOT NULL AND executed_at IS NOT NULL
    AND (fee_text IS NULL OR fee_amount IS NOT NULL)
    AND (fee_code IS NOT NULL OR coalesce(fee_amount, 0) = 0);
CREATE OR REPLACE TEMP MACRO trade_hash(
    market, side, price_digits, amount_digits, cost_digits, fee_digits, fee_code, executed_at
) AS md5(concat(
    part(market), chr(31), part(side), chr(31), part(price_digits), chr(31), part(amount_digits), chr(31),
    part(cost_digits), chr(31), part(fee_digits), chr(31), part(fee_code), chr(31), part(epoch_us(executed_at))
));
CREATE OR REPLACE TEMP MACRO movement_is_good(record_key, kind, "role", asset_code, amount, direction, occurred_at) AS
    record_key IS NOT NULL AND kind IS NOT NULL AND asset_code IS NOT NULL AND occurred_at IS NOT NULL
    AND coalesce("role" IN ('main', 'disposed', 'received', 'fee'), FALSE)
    AND coalesce(direction = 'signed' OR (direction IN ('in', 'out') AND amount >= 0), FALSE) AND amount IS NOT NULL;
CREATE OR REPLACE TEMP MACRO movement_hash(kind, "role", asset_code, amount, occurred_at) AS md5(concat_ws(
    chr(31), part(kind), part("role"), part(asset_code), part(amount), part(epoch_us(occurred_at))
));
CREATE OR REPLACE TEMP MACRO balance_is_good(asset_code, wallet, available_text, available, total) AS
    asset_code IS NOT NULL AND wallet IS NOT NULL AND total IS NOT NULL
    AND (available_text IS NULL OR available IS NOT NULL);

-- Which streams a target reads.
CREATE OR REPLACE TEMP MACRO feeds(target, stream) AS CASE target
    WHEN 'trades' THEN stream = 'fills'
    WHEN 'balances' THEN stream = 'balances'
    ELSE stream NOT IN ('fills', 'balances', 'reference')
END;
