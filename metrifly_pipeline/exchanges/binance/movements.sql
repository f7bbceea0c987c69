-- exchanges/binance/movements.sql: what changes a balance without an execution on the order book.
-- In:  raw (payload JSON of one record, stream, scope, seq)
-- Out: strings only. A record that rightly gives nothing (still pending, refused) gives one row of kind 'ignored'; a status
--      that isn't known here gives no row, so that the engine quarantines the record instead of losing it.
-- Each stream makes one event a record, with its parts: suffix of the key, role, asset, amount, direction.
-- Sources: developers.binance.com: wallet (deposit history, withdraw history, dust log, asset dividend record),
--          convert (trade history), fiat (payments history).
WITH deposit AS (
    SELECT
        raw.connection_id,
        raw.seq,
        -- records of the first years carry no id
        coalesce(
            raw.payload ->> '$.id',
            concat_ws(
                ':', raw.payload ->> '$.txId', raw.payload ->> '$.coin',
                raw.payload ->> '$.insertTime', raw.payload ->> '$.amount'
            )
        ) AS native_id,
        'deposit:' || native_id AS group_key,
        -- 0 pending, 1 success, 2 rejected, 6 credited but not yet withdrawable, 7 wrong deposit, 8 waits for the user
        CASE
            WHEN (raw.payload ->> '$.status') IN ('1', '6') THEN 'deposit'
            WHEN (raw.payload ->> '$.status') IN ('0', '2', '7', '8') THEN 'ignored'
        END AS kind,
        [{
            'suffix': '', 'role': 'main', 'direction': 'in',
            'asset_code': raw.payload ->> '$.coin', 'amount': raw.payload ->> '$.amount'
        }] AS parts,
        raw.payload ->> '$.insertTime' AS occurred_at,
        'ms' AS occurred_at_unit,
        CASE raw.payload ->> '$.walletType' WHEN '1' THEN 'funding' ELSE 'spot' END AS wallet,
        nullif(raw.payload ->> '$.txId', '') AS txid
    FROM raw
    WHERE raw.stream = 'deposits'
),

withdrawal AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload ->> '$.id' AS native_id,
        'withdrawal:' || native_id AS group_key,
        -- 0 email sent, 1 cancelled, 2 awaiting approval, 3 rejected, 4 processing, 5 failure, 6 completed
        CASE
            WHEN (raw.payload ->> '$.status') = '6' THEN 'withdrawal'
            WHEN (raw.payload ->> '$.status') IN ('0', '1', '2', '3', '4', '5') THEN 'ignored'
        END AS kind,
        -- `amount` is what arrives elsewhere; the fee is taken on top
        [
            {
                'suffix': '', 'role': 'main', 'direction': 'out',
                'asset_code': raw.payload ->> '$.coin', 'amount': raw.payload ->> '$.amount'
            },
            {
                'suffix': ':fee', 'role': 'fee', 'direction': 'out',
                'asset_code': raw.payload ->> '$.coin', 'amount': coalesce(raw.payload ->> '$.transactionFee', '0')
            }
        ] AS parts,
        raw.payload ->> '$.applyTime' AS occurred_at,
        'datetime' AS occurred_at_unit,
        CASE raw.payload ->> '$.walletType' WHEN '1' THEN 'funding' ELSE 'spot' END AS wallet,
        nullif(raw.payload ->> '$.txId', '') AS txid
    FROM raw
    WHERE raw.stream = 'withdrawals'
),

swap AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload ->> '$.orderId' AS native_id,
        'convert:' || native_id AS group_key,
        CASE
            WHEN (raw.payload ->> '$.orderStatus') = 'SUCCESS' THEN 'convert'
            WHEN (raw.payload ->> '$.orderStatus') IN ('PROCESS', 'ACCEPT_SUCCESS', 'FAIL') THEN 'ignored'
        END AS kind,
        [
            {
                'suffix': ':disposed', 'role': 'disposed', 'direction': 'out',
                'asset_code': raw.payload ->> '$.fromAsset', 'amount': raw.payload ->> '$.fromAmount'
            },
            {
                'suffix': ':received', 'role': 'received', 'direction': 'in',
                'asset_code': raw.payload ->> '$.toAsset', 'amount': raw.payload ->> '$.toAmount'
            }
        ] AS parts,
        raw.payload ->> '$.createTime' AS occurred_at,
        'ms' AS occurred_at_unit,
        'spot' AS wallet,
        NULL AS txid
    FROM raw
    WHERE raw.stream = 'converts' AND raw.scope = 'all'
),

-- Crypto bought (scope fiat_buy) or sold (fiat_sell) for money. `sourceAmount` holds the fee already. Of a sale Binance's own words differ
-- ("fiat trade amount", or what was given): the price tells which of the two amounts is the coins'; one that fits neither is quarantined.
payment AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload ->> '$.orderNo' AS native_id,
        'buy:' || native_id AS group_key,
        raw.scope = 'fiat_buy' AS buys,
        raw.payload ->> '$.sourceAmount' AS source,
        raw.payload ->> '$.obtainAmount' AS obtained,
        try_cast(raw.payload ->> '$.price' AS DOUBLE) AS price,
        -- how far money and coins are from the price, only to tell the two apart: the fee is a few percent
        coalesce(abs(try_cast(obtained AS DOUBLE) / nullif(try_cast(source AS DOUBLE) * price, 0) - 1), 0)
            AS off_if_given,
        coalesce(abs(try_cast(source AS DOUBLE) / nullif(try_cast(obtained AS DOUBLE) * price, 0) - 1), 1)
            AS off_if_got,
        NOT buys AND off_if_got < off_if_given AS is_turned,
        -- what a card paid never stood in the exchange account: it comes in and goes out in the same moment
        buys AND coalesce(raw.payload ->> '$.paymentMethod', 'Cash Balance') <> 'Cash Balance' AS by_card,
        raw.payload ->> '$.fiatCurrency' AS money,
        raw.payload ->> '$.cryptoCurrency' AS coin,
        CASE
            WHEN
                (raw.payload ->> '$.status') IN ('Completed', 'Successful', 'Finished')
                AND (buys OR least(off_if_given, off_if_got) < 0.25)
                THEN 'convert'
            WHEN (raw.payload ->> '$.status') IN ('Processing', 'Failed', 'Refunding', 'Refunded') THEN 'ignored'
        END AS kind,
        CASE WHEN is_turned THEN obtained ELSE source END AS given,
        CASE WHEN is_turned THEN source ELSE obtained END AS got,
        [
            {
                'suffix': ':paid', 'role': CASE WHEN by_card THEN 'main' END, 'direction': 'in',
                'asset_code': money, 'amount': given
            },
            {
                'suffix': ':disposed', 'role': 'disposed', 'direction': 'out',
                'asset_code': CASE WHEN buys THEN money ELSE coin END, 'amount': given
            },
            {
                'suffix': ':received', 'role': 'received', 'direction': 'in',
                'asset_code': CASE WHEN buys THEN coin ELSE money END, 'amount': got
            }
        ] AS parts,
        raw.payload ->> '$.createTime' AS occurred_at,
        'ms' AS occurred_at_unit,
        'spot' AS wallet,
        NULL AS txid
    FROM raw
    WHERE raw.stream = 'converts' AND raw.scope IN ('fiat_buy', 'fiat_sell')
),

-- One record is one sweep of small balances under one transId; each detail is one asset of it.
dust_detail AS (
    SELECT
        raw.connection_id,
        raw.seq,
        unnest(json_extract(raw.payload, '$.userAssetDribbletDetails[*]')) AS item
    FROM raw
    WHERE raw.stream = 'dust'
),

dust AS (
    SELECT
        dust_detail.connection_id,
        dust_detail.seq,
        dust_detail.item ->> '$.transId' AS native_id,
        'dust:' || native_id || ':' || (dust_detail.item ->> '$.fromAsset') AS group_key,
        'convert' AS kind,
        -- `transferedAmount` is what arrived: the service charge (2% of the whole) is taken off already
        [
            {
                'suffix': ':disposed', 'role': 'disposed', 'direction': 'out',
                'asset_code': dust_detail.item ->> '$.fromAsset', 'amount': dust_detail.item ->> '$.amount'
            },
            {
                'suffix': ':received', 'role': 'received', 'direction': 'in',
                'asset_code': coalesce(dust_detail.item ->> '$.targetAsset', 'BNB'),
                'amount': dust_detail.item ->> '$.transferedAmount'
            }
        ] AS parts,
        dust_detail.item ->> '$.operateTime' AS occurred_at,
        'ms' AS occurred_at_unit,
        'spot' AS wallet,
        NULL AS txid
    FROM dust_detail
),

reward AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload ->> '$.id' AS native_id,
        'reward:' || native_id AS group_key,
        -- 1 credited, -1 taken back; records of the first years carry no direction
        CASE WHEN coalesce(raw.payload ->> '$.direction', '1') IN ('1', '-1') THEN 'reward' END AS kind,
        [{
            'suffix': '', 'role': 'main',
            'direction': CASE raw.payload ->> '$.direction' WHEN '-1' THEN 'out' ELSE 'in' END,
            'asset_code': raw.payload ->> '$.asset', 'amount': raw.payload ->> '$.amount'
        }] AS parts,
        raw.payload ->> '$.divTime' AS occurred_at,
        'ms' AS occurred_at_unit,
        'spot' AS wallet,
        NULL AS txid
    FROM raw
    WHERE raw.stream = 'rewards'
),

event AS (
    SELECT * FROM deposit
    UNION ALL BY NAME
    SELECT * FROM withdrawal
    UNION ALL BY NAME
    SELECT * FROM swap
    UNION ALL BY NAME
    SELECT
        * EXCLUDE (
            buys, by_card, money, coin, source, obtained, price, off_if_given, off_if_got, is_turned, given, got
        )
    FROM payment
    UNION ALL BY NAME
    SELECT * FROM dust
    UNION ALL BY NAME
    SELECT * FROM reward
),

movement AS (
    SELECT event.* EXCLUDE (parts), unnest(event.parts) AS part
    FROM event
    WHERE event.kind <> 'ignored'
)

SELECT
    movement.connection_id,
    movement.seq,
    movement.group_key || movement.part.suffix AS movement_key,
    movement.native_id,
    movement.group_key,
    CASE movement.part.suffix WHEN ':fee' THEN 'fee' WHEN ':paid' THEN 'deposit' ELSE movement.kind END AS kind,
    movement.part.role AS role,
    movement.part.asset_code AS asset_code,
    movement.part.amount AS amount,
    movement.part.direction AS direction,
    movement.occurred_at,
    movement.occurred_at_unit,
    movement.wallet,
    movement.txid
FROM movement
WHERE
    movement.part.role IS NOT NULL
    AND (movement.part.role <> 'fee' OR NOT regexp_full_match(movement.part.amount, '0*\.?0*'))
UNION ALL
SELECT
    event.connection_id,
    event.seq,
    NULL AS movement_key,
    NULL AS native_id,
    NULL AS group_key,
    'ignored' AS kind,
    NULL AS role,
    NULL AS asset_code,
    NULL AS amount,
    NULL AS direction,
    NULL AS occurred_at,
    NULL AS occurred_at_unit,
    NULL AS wallet,
    NULL AS txid
FROM event
WHERE event.kind = 'ignored'
