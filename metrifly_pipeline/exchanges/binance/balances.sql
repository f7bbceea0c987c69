-- exchanges/binance/balances.sql: one row per asset of a wallet's snapshot (api/v3/account: spot, asset/get-funding-asset: funding).
-- In:  raw (payload = the list of assets, scope = wallet)
-- Out: strings only; total stays NULL, the engine adds available and locked
-- The funding wallet tells four parts; what is frozen or on its way out is still there, so it stands in a wallet beside.
-- Sources: developers.binance.com (spot, account information; wallet, funding wallet).
WITH asset AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.scope AS wallet,
        unnest(json_extract(raw.payload, '$[*]')) AS item,
        coalesce(item ->> '$.freeze', '0') AS frozen,
        coalesce(item ->> '$.withdrawing', '0') AS leaving
    FROM raw
    WHERE raw.stream = 'balances'
)

SELECT
    asset.connection_id,
    asset.seq,
    asset.wallet,
    asset.item ->> '$.asset' AS asset_code,
    NULL AS total,
    asset.item ->> '$.free' AS available,
    asset.item ->> '$.locked' AS locked
FROM asset
UNION ALL
SELECT
    asset.connection_id,
    asset.seq,
    asset.wallet || ' frozen' AS wallet,
    asset.item ->> '$.asset' AS asset_code,
    NULL AS total,
    asset.frozen AS available,
    asset.leaving AS locked
FROM asset
WHERE NOT (regexp_full_match(asset.frozen, '0*\.?0*') AND regexp_full_match(asset.leaving, '0*\.?0*'))
