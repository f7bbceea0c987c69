-- lake/sql/movements_typed.sql: the strings of a room's movements.sql, typed, with what is wrong with them.
-- In:  extracted, aliases.  Out: typed
CREATE OR REPLACE TEMP TABLE parsed AS
WITH texts AS (
    SELECT
        CAST(connection_id AS VARCHAR) AS connection_id,
        CAST(seq AS BIGINT) AS seq,
        nullif(CAST(movement_key AS VARCHAR), '') AS record_key,
        nullif(CAST(native_id AS VARCHAR), '') AS native_id,
        nullif(CAST(group_key AS VARCHAR), '') AS group_key,
        nullif(CAST(kind AS VARCHAR), '') AS kind,
        CAST("role" AS VARCHAR) AS role,
        nullif(CAST(asset_code AS VARCHAR), '') AS asset_code,
        nullif(CAST(amount AS VARCHAR), '') AS amount_text,
        CAST(direction AS VARCHAR) AS direction,
        nullif(CAST(occurred_at AS VARCHAR), '') AS time_text,
        CAST(occurred_at_unit AS VARCHAR) AS time_unit,
        nullif(CAST(wallet AS VARCHAR), '') AS wallet,
        nullif(CAST(txid AS VARCHAR), '') AS txid
    FROM extracted
)

SELECT
    *,
    exact_decimal(amount_text) AS unsigned_amount,
    moment(time_text, time_unit) AS occurred_at
FROM texts;

CREATE OR REPLACE TEMP TABLE typed AS
SELECT
    parsed.* EXCLUDE (wallet),
    if(parsed.direction = 'out', -parsed.unsigned_amount, parsed.unsigned_amount) AS amount,
    coalesce(alias.asset, parsed.asset_code) AS asset,
    coalesce(alias.wallet, parsed.wallet) AS wallet,
    if(alias.asset IS NULL AND parsed.asset_code IS NOT NULL, [parsed.asset_code], []) AS unknown_codes,
    parsed.asset_code AS symbol,
    parsed.kind = 'ignored' AND parsed.record_key IS NULL AS is_ignored,
    CASE
        WHEN parsed.kind = 'ignored' AND parsed.record_key IS NULL THEN NULL
        WHEN parsed.record_key IS NULL THEN 'movement_key: missing'
        WHEN parsed.kind IS NULL THEN 'kind: missing'
        WHEN parsed.role IS NULL OR parsed.role NOT IN ('main', 'disposed', 'received', 'fee') THEN 'role: unknown'
        WHEN parsed.asset_code IS NULL THEN 'asset_code: missing'
        WHEN parsed.unsigned_amount IS NULL THEN number_problem('amount', parsed.amount_text)
        WHEN parsed.direction IS NULL OR parsed.direction NOT IN ('in', 'out', 'signed') THEN 'direction: unknown'
        WHEN parsed.direction <> 'signed' AND parsed.unsigned_amount < 0 THEN 'amount: negative'
        WHEN parsed.occurred_at IS NULL THEN moment_problem('occurred_at', parsed.time_text, parsed.time_unit)
    END AS problem,
    fingerprint(
        part(parsed.kind) || part(parsed.role) || part(parsed.asset_code)
        || part(if(parsed.direction = 'out', -parsed.unsigned_amount, parsed.unsigned_amount))
        || part(epoch_us(parsed.occurred_at))
    ) AS economic_hash
FROM parsed
LEFT JOIN aliases AS alias
    ON parsed.asset_code = alias.code
    AND parsed.occurred_at >= alias.valid_from AND parsed.occurred_at < alias.valid_to;
