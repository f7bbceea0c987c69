-- exchanges/kraken/balances.sql: one row per asset code of a snapshot (BalanceEx).
-- In:  raw (payload = {asset code: {balance, hold_trade}}, scope = wallet)
-- Out: strings only. `balance` holds what open orders hold back too; what is available would have to be computed, so it stays NULL.
-- Source: docs.kraken.com (get-extended-balance).
WITH asset AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.scope AS wallet,
        unnest(json_keys(raw.payload)) AS asset_code,
        raw.payload
    FROM raw
    WHERE raw.stream = 'balances'
)

SELECT
    asset.connection_id,
    asset.seq,
    CASE
        WHEN regexp_matches(asset.asset_code, '\.[SBMFP]$') THEN 'earn'
        ELSE asset.wallet
    END AS wallet,
    asset.asset_code,
    json_extract_string(asset.payload, '$."' || asset.asset_code || '"."balance"') AS total,
    NULL AS available,
    coalesce(json_extract_string(asset.payload, '$."' || asset.asset_code || '"."hold_trade"'), '0') AS locked
FROM asset
