-- exchanges/okx/balances.sql: one row per asset of a wallet's snapshot (account/balance, the trading account: spot; asset/balances: funding).
-- In:  raw (payload = the list of assets, scope = wallet)
-- Out: strings only. The trading account's total is `cashBal`, what its bills add up to: profits not yet taken and loans stand apart.
-- Sources: okx.com/docs-v5 (get balance; get funding balance).
WITH asset AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.scope AS wallet,
        unnest(json_extract(raw.payload, '$[*]')) AS item
    FROM raw
    WHERE raw.stream = 'balances'
)

SELECT
    asset.connection_id,
    asset.seq,
    asset.wallet,
    asset.item ->> '$.ccy' AS asset_code,
    CASE asset.wallet WHEN 'funding' THEN asset.item ->> '$.bal' ELSE asset.item ->> '$.cashBal' END AS total,
    nullif(asset.item ->> '$.availBal', '') AS available,
    nullif(asset.item ->> '$.frozenBal', '') AS locked
FROM asset
