-- exchanges/kraken/movements.sql: what changes a balance without an execution on the order book (Ledgers).
-- In:  raw (payload JSON of one ledger entry with its id as _key, seq)
-- Out: strings only. An entry changes the balance by amount - fee: one row for the amount, one for the fee where there is one.
--      An entry that is half of an execution gives its amount as 'trade_leg' (a fill states money with five decimals, the ledger
--      books four: 68.42692 and 68.4269) and its fee as 'trade_fee' (the fill only states an estimate of it, in the quote, whatever
--      was taken). A type that isn't known here gives no row, so that the engine quarantines the entry instead of losing it.
-- Sources: docs.kraken.com (get-ledgers-info); support.kraken.com (How to interpret Ledger history fields; Differences between ledger
--          and trades history: "fee estimate in terms of the quote currency (NOT necessarily the actual amount that was deducted)").
WITH entry AS (
    SELECT
        raw.connection_id,
        raw.seq,
        raw.payload ->> '$._key' AS native_id,
        raw.payload ->> '$.refid' AS group_key,
        raw.payload ->> '$.asset' AS asset_code,
        raw.payload ->> '$.amount' AS amount,
        coalesce(raw.payload ->> '$.fee', '0') AS fee,
        raw.payload ->> '$.time' AS occurred_at,
        regexp_full_match(amount, '-?0*\.?0*') AS no_amount,
        regexp_full_match(fee, '-?0*\.?0*') AS no_fee,
        starts_with(amount, '-') AS goes_out,
        CASE
            -- wallets with a name of their own: staked, bonded, opted in to rewards, parachain
            WHEN regexp_matches(asset_code, '\.[SBMFP]$') THEN 'earn'
            ELSE 'spot'
        END AS wallet,
        CASE raw.payload ->> '$.type'
            WHEN 'deposit' THEN 'deposit'
            WHEN 'withdrawal' THEN 'withdrawal'
            -- base and quote of an execution; its fee was taken from the entry that has one: the quote's, the base's (order flag
            -- fcib), or that of the credits, which are nothing but a fee
            WHEN 'trade' THEN
                CASE
                    WHEN asset_code = 'KFEE' THEN 'trade_fee'
                    WHEN no_amount AND no_fee THEN 'ignored'
                    ELSE 'trade_leg'
                END
            WHEN 'spend' THEN 'convert'
            WHEN 'receive' THEN 'convert'
            WHEN 'conversion' THEN 'convert'
            WHEN 'sale' THEN 'convert'
            WHEN 'staking' THEN 'reward'
            WHEN 'reward' THEN 'reward'
            WHEN 'dividend' THEN 'reward'
            WHEN 'invite bonus' THEN 'reward'
            WHEN 'earn' THEN
                CASE
                    WHEN coalesce(raw.payload ->> '$.subtype', '') IN ('', 'reward') THEN 'reward'
                    -- allocation, deallocation, autoallocation, autoallocate
                    WHEN contains(raw.payload ->> '$.subtype', 'allocat') THEN 'transfer'
                    WHEN (raw.payload ->> '$.subtype') = 'migration' THEN 'transfer'
                    -- delistingconversion
                    WHEN contains(raw.payload ->> '$.subtype', 'conversion') THEN 'convert'
                    WHEN (raw.payload ->> '$.subtype') = 'airdrop' THEN 'airdrop'
                    -- what it is isn't known: that is no reason to call it income
                    ELSE 'adjustment'
                END
            WHEN 'transfer' THEN
                CASE
                    WHEN contains(coalesce(raw.payload ->> '$.subtype', ''), 'conversion') THEN 'convert'
                    WHEN (raw.payload ->> '$.subtype') = 'airdrop' THEN 'airdrop'
                    ELSE 'transfer'
                END
            WHEN 'custodytransfer' THEN 'transfer'
            WHEN 'creator_fee' THEN 'fee'
            WHEN 'nftcreatorfee' THEN 'fee'
            WHEN 'rollover' THEN 'fee'
            WHEN 'margin' THEN 'adjustment'
            WHEN 'settled' THEN 'adjustment'
            WHEN 'credit' THEN 'adjustment'
            WHEN 'adjustment' THEN 'adjustment'
            WHEN 'nfttrade' THEN 'adjustment'
            WHEN 'nftrebate' THEN 'adjustment'
        END AS kind
    FROM raw
    WHERE raw.stream = 'ledger'
),

row_of_entry AS (
    SELECT
        entry.*,
        unnest(CASE
            WHEN entry.kind = 'ignored' THEN ['ignored']
            -- an entry of credits is the fee, whether it stands as the amount or as the fee
            WHEN entry.no_fee THEN ['amount']
            WHEN entry.kind = 'trade_fee' THEN ['fee']
            WHEN entry.no_amount THEN ['fee']
            ELSE ['amount', 'fee']
        END) AS part
    FROM entry
    WHERE entry.kind IS NOT NULL
)

SELECT
    row_of_entry.connection_id,
    row_of_entry.seq,
    CASE
        WHEN row_of_entry.part = 'amount' THEN row_of_entry.native_id
        WHEN
            row_of_entry.part = 'fee'
            AND (row_of_entry.kind = 'trade_fee' OR (row_of_entry.kind = 'fee' AND row_of_entry.no_amount))
            THEN row_of_entry.native_id
        WHEN row_of_entry.part = 'fee' THEN row_of_entry.native_id || ':fee'
    END AS movement_key,
    row_of_entry.native_id,
    row_of_entry.group_key,
    CASE
        WHEN row_of_entry.part = 'fee' AND row_of_entry.kind IN ('trade_fee', 'trade_leg') THEN 'trade_fee'
        WHEN row_of_entry.part = 'fee' THEN 'fee'
        ELSE row_of_entry.kind
    END AS kind,
    CASE
        WHEN row_of_entry.part = 'fee' OR row_of_entry.kind IN ('fee', 'trade_fee') THEN 'fee'
        WHEN row_of_entry.kind <> 'convert' THEN 'main'
        WHEN row_of_entry.goes_out THEN 'disposed'
        ELSE 'received'
    END AS role,
    row_of_entry.asset_code,
    -- a fee is taken away; one that is paid back has a sign, which then turns
    CASE WHEN row_of_entry.part = 'fee' THEN ltrim(row_of_entry.fee, '-') ELSE row_of_entry.amount END AS amount,
    CASE
        WHEN row_of_entry.part <> 'fee' THEN 'signed'
        WHEN starts_with(row_of_entry.fee, '-') THEN 'in'
        ELSE 'out'
    END AS direction,
    row_of_entry.occurred_at,
    's' AS occurred_at_unit,
    row_of_entry.wallet,
    NULL AS txid
FROM row_of_entry
