-- lake/sql/macros_hard.sql: checked typing, the long way; most batches never need it. On top of macros.sql
CREATE OR REPLACE TEMP MACRO is_number(t) AS
    regexp_full_match(t, '-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?');

-- The long way: exponents and many zeros, by moving the point in the text.
CREATE OR REPLACE TEMP MACRO mantissa(t) AS ltrim(regexp_replace(t, '[eE].*$', ''), '-');
CREATE OR REPLACE TEMP MACRO exponent(t) AS
    coalesce(try_cast(nullif(regexp_extract(t, '[eE]([+-]?[0-9]+)$', 1), '') AS INTEGER), if(t ~ '.*[eE].*', NULL, 0));
CREATE OR REPLACE TEMP MACRO all_digits(t) AS replace(mantissa(t), '.', '');
CREATE OR REPLACE TEMP MACRO point_at(t) AS length(split_part(mantissa(t), '.', 1)) + exponent(t);
CREATE OR REPLACE TEMP MACRO is_zero(t) AS trim(all_digits(t), '0') = '';
-- An exponent beyond any number that fits is no reason to build a text of that length.
CREATE OR REPLACE TEMP MACRO point_is_near(t) AS coalesce(abs(point_at(t)) <= 1000, FALSE);
CREATE OR REPLACE TEMP MACRO integer_text(t) AS ltrim(
    CASE
        WHEN point_at(t) <= 0 THEN ''
        ELSE rpad(left(all_digits(t), point_at(t)::BIGINT), point_at(t)::INTEGER, '0')
    END, '0');
CREATE OR REPLACE TEMP MACRO decimals_text(t) AS rtrim(
    CASE
        WHEN point_at(t) >= 0 THEN substr(all_digits(t), (point_at(t) + 1)::BIGINT)
        ELSE repeat('0', (-point_at(t))::BIGINT) || all_digits(t)
    END, '0');
CREATE OR REPLACE TEMP MACRO moved_decimal(t) AS CASE
    WHEN is_zero(t) THEN CAST(0 AS DECIMAL(38, 18))
    WHEN NOT point_is_near(t) THEN NULL
    WHEN length(integer_text(t)) > 20 OR length(decimals_text(t)) > 18 THEN NULL
    ELSE try_cast(
        if(starts_with(t, '-'), '-', '') || '0' || integer_text(t) || '.' || decimals_text(t) || '0' AS DECIMAL(38, 18))
END;

-- Text to DECIMAL(38, 18); NULL where it is missing or does not fit, and then number_problem says why.
CREATE OR REPLACE TEMP MACRO exact_decimal(t) AS CASE
    WHEN is_plain(t) THEN try_cast(t AS DECIMAL(38, 18))
    WHEN is_number(t) THEN moved_decimal(t)
END;

-- Why a text is no exact decimal: `amount: 19 decimals`.
CREATE OR REPLACE TEMP MACRO number_problem(field, t) AS field || ': ' || CASE
    WHEN t IS NULL THEN 'missing'
    WHEN NOT is_number(t) THEN 'not a number'
    WHEN NOT point_is_near(t) THEN 'exponent out of range'
    WHEN length(decimals_text(t)) > 18 THEN length(decimals_text(t)) || ' decimals'
    WHEN length(integer_text(t)) > 20 THEN length(integer_text(t)) || ' integer digits'
    ELSE 'not a number'
END;
-- A price may have more than 18 decimals (then it is rounded and flagged), but not more than 20 integer digits.
CREATE OR REPLACE TEMP MACRO has_only_more_decimals(t) AS coalesce(
    is_number(t) AND length(t) <= 200 AND point_is_near(t) AND length(integer_text(t)) <= 20, FALSE);
