-- exchanges/okx/movements.sql: what changes a balance without an execution on the order book.
-- In:  raw (payload JSON of one record, stream, scope, seq)
-- Out: strings only. A record that rightly gives nothing (still pending, refused, counted elsewhere) gives one row of kind 'ignored';
--      a state that isn't known here gives no row, so that the engine quarantines the record instead of losing it.
-- Each stream makes one event a record, with its parts: suffix of the key, role, asset, amount, direction.
-- Sources: okx.com/docs-v5 (deposit history, withdrawal history, convert history, bills details last 3 months).
WITH deposit AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload ->> '$.depId' AS native_id,
        'deposit:' || native_id AS group_key,
        -- 1 credited, 2 successful; 0 waits for confirmations, 8 suspended, 11 blacklisted, 12 frozen, 13 intercepted for a
        -- sub-account, 14 limit of verification, 17 waits for the travel rule
        CASE
            WHEN (raw.payload ->> '$.state') IN ('1', '2') THEN 'deposit'
            WHEN (raw.payload ->> '$.state') IN ('0', '8', '11', '12', '13', '14', '17') THEN 'ignored'
        END AS kind,
        [{
            'suffix': '', 'role': 'main', 'direction': 'in',
            'asset_code': raw.payload ->> '$.ccy', 'amount': raw.payload ->> '$.amt'
        }] AS parts,
        raw.payload ->> '$.ts' AS occurred_at,
        'funding' AS wallet,
        nullif(raw.payload ->> '$.txId', '') AS txid
    FROM raw
    WHERE raw.stream = 'deposits'
),

withdrawal AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload ->> '$.wdId' AS native_id,
        'withdrawal:' || native_id AS group_key,
        -- 2 success; -3 canceling, -2 canceled, -1 failed, all others on their way
        CASE
            WHEN (raw.payload ->> '$.state') = '2' THEN 'withdrawal'
            WHEN
                (raw.payload ->> '$.state') IN (
                    '-3', '-2', '-1', '0', '1', '4', '5', '6', '7', '8', '9', '10', '12', '15', '16', '17', '19'
                )
                THEN 'ignored'
        END AS kind,
        -- older records write the currency behind the fee: 0.01000000eth
        coalesce(raw.payload ->> '$.fee', '0') AS fee,
        '^([0-9.]+)([A-Za-z]+)$' AS old_form,
        -- `amt` is what arrives elsewhere; the fee is taken on top
        [
            {
                'suffix': '', 'role': 'main', 'direction': 'out',
                'asset_code': raw.payload ->> '$.ccy', 'amount': raw.payload ->> '$.amt'
            },
            {
                'suffix': ':fee', 'role': 'fee', 'direction': 'out',
                'asset_code': coalesce(
                    nullif(raw.payload ->> '$.feeCcy', ''),
                    nullif(upper(regexp_extract(fee, old_form, 2)), ''),
                    raw.payload ->> '$.ccy'
                ),
                'amount': coalesce(nullif(regexp_extract(fee, old_form, 1), ''), fee)
            }
        ] AS parts,
        raw.payload ->> '$.ts' AS occurred_at,
        'funding' AS wallet,
        nullif(raw.payload ->> '$.txId', '') AS txid
    FROM raw
    WHERE raw.stream = 'withdrawals'
),

-- A convert is named by a pair; its side says whether the base came or went.
swap AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload ->> '$.tradeId' AS native_id,
        'convert:' || native_id AS group_key,
        CASE
            WHEN (raw.payload ->> '$.state') = 'rejected' THEN 'ignored'
            WHEN
                (raw.payload ->> '$.state') = 'fullyFilled' AND (raw.payload ->> '$.side') IN ('buy', 'sell')
                THEN 'convert'
        END AS kind,
        (raw.payload ->> '$.side') = 'buy' AS buys,
        raw.payload ->> '$.baseCcy' AS base_code,
        raw.payload ->> '$.fillBaseSz' AS base_amount,
        raw.payload ->> '$.quoteCcy' AS quote_code,
        raw.payload ->> '$.fillQuoteSz' AS quote_amount,
        [
            {
                'suffix': ':disposed', 'role': 'disposed', 'direction': 'out',
                'asset_code': CASE WHEN buys THEN quote_code ELSE base_code END,
                'amount': CASE WHEN buys THEN quote_amount ELSE base_amount END
            },
            {
                'suffix': ':received', 'role': 'received', 'direction': 'in',
                'asset_code': CASE WHEN buys THEN base_code ELSE quote_code END,
                'amount': CASE WHEN buys THEN base_amount ELSE quote_amount END
            }
        ] AS parts,
        raw.payload ->> '$.ts' AS occurred_at,
        'spot' AS wallet,
        NULL AS txid
    FROM raw
    WHERE raw.stream = 'converts'
),

-- The trading account's bills say of everything what it changed, so most of them stand in another stream already.
bill AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload ->> '$.billId' AS native_id,
        'bill:' || native_id AS group_key,
        raw.payload ->> '$.type' AS type,
        raw.payload ->> '$.subType' AS subtype,
        raw.payload ->> '$.balChg' AS change,
        CASE
            -- nothing changed: the bookkeeping of a loan or a position
            WHEN regexp_full_match(change, '-?0*\.?0*') THEN 'ignored'
            -- between the funding account (6) and the trading account (18): nothing comes or goes; with the same on both sides the other
            -- one is a sub-account's
            WHEN
                type = '1'
                AND (raw.payload ->> '$.from') IN ('6', '18') AND (raw.payload ->> '$.to') IN ('6', '18')
                AND (raw.payload ->> '$.from') <> (raw.payload ->> '$.to')
                THEN 'ignored'
            -- an order's execution in spot or margin is the trade itself (trades.sql)
            WHEN
                type = '2' AND (raw.payload ->> '$.instType') IN ('SPOT', 'MARGIN')
                AND coalesce(subtype, '') IN ('', '1', '2', '3', '4', '5', '6')
                THEN 'ignored'
            -- a convert stands in its own history
            WHEN type = '27' THEN 'ignored'
            -- small balances swept together, loans repaid by a sale: one bill for what went, one for what came
            WHEN type IN ('28', '29') THEN 'convert'
            WHEN subtype IN ('372', '373', '374', '375') THEN 'airdrop'
            WHEN type = '7' OR subtype IN ('9', '14', '381') THEN 'interest'
            WHEN type IN ('8', '250', '251') THEN 'fee'
            WHEN type IN ('1', '6', '12', '26') THEN 'transfer'
            -- everything else that moved cash: derivatives, liquidations, loans, what OKX will invent
            WHEN change IS NOT NULL AND type IS NOT NULL THEN 'adjustment'
        END AS kind,
        [{
            'suffix': '', 'direction': 'signed',
            'role': CASE
                WHEN kind = 'fee' THEN 'fee'
                WHEN kind <> 'convert' THEN 'main'
                WHEN starts_with(change, '-') THEN 'disposed'
                ELSE 'received'
            END,
            'asset_code': raw.payload ->> '$.ccy', 'amount': change
        }] AS parts,
        raw.payload ->> '$.ts' AS occurred_at,
        'spot' AS wallet,
        NULL AS txid
    FROM raw
    WHERE raw.stream = 'ledger'
),

event AS (
    SELECT * FROM deposit
    UNION ALL BY NAME
    SELECT * EXCLUDE (fee, old_form) FROM withdrawal
    UNION ALL BY NAME
    SELECT * EXCLUDE (buys, base_code, base_amount, quote_code, quote_amount) FROM swap
    UNION ALL BY NAME
    SELECT * EXCLUDE (type, subtype, change) FROM bill
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
    CASE WHEN movement.part.suffix = ':fee' THEN 'fee' ELSE movement.kind END AS kind,
    movement.part.role AS role,
    movement.part.asset_code AS asset_code,
    movement.part.amount AS amount,
    movement.part.direction AS direction,
    movement.occurred_at,
    'ms' AS occurred_at_unit,
    movement.wallet,
    movement.txid
FROM movement
WHERE movement.part.suffix <> ':fee' OR NOT regexp_full_match(movement.part.amount, '0*\.?0*')
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
