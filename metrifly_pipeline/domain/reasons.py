"""Everything that can stand in the way of a complete history: its level, whose turn it is, and the remedy in plain words."""

import re
from dataclasses import dataclass
from enum import StrEnum

from metrifly_pipeline.domain.ids import ConnectionId


class Level(StrEnum):
    """How much a reason weighs; only `action` makes a connection need attention."""

    ACTION = "action"
    NOTICE = "notice"
    INFO = "info"


class Reason(StrEnum):
    """Everything that can stand in the way of a complete history. The value is stored."""

    KEY_INVALID = "key_invalid"
    KEY_EXPIRED = "key_expired"
    SECRET_WRONG = "secret_wrong"  # noqa: S105 - the name of a reason, not a secret
    PASSPHRASE_WRONG = "passphrase_wrong"  # noqa: S105 - the name of a reason, not a secret
    IP_NOT_ALLOWED = "ip_not_allowed"
    PERMISSION_MISSING = "permission_missing"
    KEY_TOO_POWERFUL = "key_too_powerful"
    KEY_HIDES_HISTORY = "key_hides_history"
    KEY_OR_IP_OR_PERMISSION = "key_or_ip_or_permission"
    ACCOUNT_RESTRICTED = "account_restricted"
    DIFFERENT_ACCOUNT = "different_account"
    EXCHANGE_UNSUPPORTED = "exchange_unsupported"
    MASTER_KEY_MISSING = "master_key_missing"
    RATE_LIMITED = "rate_limited"
    EXCHANGE_DOWN = "exchange_down"
    MAINTENANCE = "maintenance"
    NETWORK = "network"
    CLOCK_SKEW = "clock_skew"
    NONCE_CONFLICT = "nonce_conflict"
    HISTORY_LIMITED = "history_limited"
    COVERAGE_GAP = "coverage_gap"
    BALANCE_MISMATCH = "balance_mismatch"
    QUARANTINED_RECORDS = "quarantined_records"
    UNKNOWN_ASSET = "unknown_asset"
    SURFACE_NOT_COVERED = "surface_not_covered"
    STREAM_NOT_PERMITTED = "stream_not_permitted"
    KEY_EXPIRING = "key_expiring"
    STALE = "stale"
    UNEXPECTED_RESPONSE = "unexpected_response"
    OWN_FAULT = "own_fault"
    AMENDED_RECORDS = "amended_records"
    PERMISSIONS_NOT_VERIFIABLE = "permissions_not_verifiable"


class Turn(StrEnum):
    """Whose turn it is."""

    OWNER = "you"
    EXCHANGE = "the exchange"
    OPERATOR = "whoever runs Metrifly"
    NOBODY = "nobody"


class Family(StrEnum):
    """The dashboard's checks; each reason belongs to one."""

    CREDENTIALS_VALID = "credentials_valid"
    KEY_IS_READ_ONLY = "key_is_read_only"
    HISTORY_COMPLETE = "history_complete"
    BALANCES_RECONCILE = "balances_reconcile"
    FRESH = "fresh"
    NO_QUARANTINE = "no_quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one reason means for a person. `{connection}` and `{exchange}` in a remedy are filled in by `remedy_for`."""

    title: str
    remedy: str
    level: Level
    turn: Turn
    family: Family
    retries: bool
    transient: bool = False
    """Becomes level action only after `GRACE`; before that the connection is `delayed`."""
    of_new_key: str = ""
    """The remedy where it is found of a key that was just given; the same as `remedy` where empty."""


def _act(
    title: str,
    remedy: str,
    family: Family = Family.CREDENTIALS_VALID,
    turn: Turn = Turn.OWNER,
    *,
    of_new_key: str = "",
) -> Meaning:
    return Meaning(
        title=title,
        remedy=remedy,
        level=Level.ACTION,
        turn=turn,
        family=family,
        retries=False,
        of_new_key=of_new_key,
    )


def _wait(title: str, remedy: str, turn: Turn = Turn.EXCHANGE, *, of_new_key: str = "") -> Meaning:
    return Meaning(
        title=title,
        remedy=remedy,
        level=Level.ACTION,
        turn=turn,
        family=Family.FRESH,
        retries=True,
        transient=True,
        of_new_key=of_new_key,
    )


_AGAIN = "Nothing was changed. Give the same command again in a few minutes."


def _note(title: str, remedy: str, family: Family, turn: Turn = Turn.OWNER, *, of_new_key: str = "") -> Meaning:
    return Meaning(
        title=title,
        remedy=remedy,
        level=Level.NOTICE,
        turn=turn,
        family=family,
        retries=True,
        of_new_key=of_new_key,
    )


MEANING: dict[Reason, Meaning] = {
    Reason.KEY_INVALID: _act(
        "The exchange does not know this API key",
        "Create a new read-only key at the exchange and run `metrifly replace-key {connection}`.",
    ),
    Reason.KEY_EXPIRED: _act(
        "The API key has expired",
        "Create a new read-only key at the exchange and run `metrifly replace-key {connection}`.",
    ),
    Reason.SECRET_WRONG: _act(
        "The secret does not belong to this API key",
        "Copy the secret again, or create a new read-only key if the exchange no longer shows it, and run "
        "`metrifly replace-key {connection}`.",
    ),
    Reason.PASSPHRASE_WRONG: _act(
        "The passphrase is wrong",
        "Use the passphrase that was chosen when the key was created and run `metrifly replace-key {connection}`.",
    ),
    Reason.IP_NOT_ALLOWED: _act(
        "The key does not allow requests from Metrifly's address",
        "Add the IPs that `metrifly exchange {exchange}` names to the key's allowed addresses at the exchange, then run "
        "`metrifly sync {connection}`.",
    ),
    Reason.PERMISSION_MISSING: _act(
        "The key may not read trades",
        "Switch on reading of orders and trades for this key at the exchange, then run `metrifly sync {connection}`.",
    ),
    Reason.KEY_TOO_POWERFUL: _act(
        "The key may do more than read",
        "Switch off trading, transfers and withdrawals for this key at the exchange, or create a read-only key and "
        "run `metrifly replace-key {connection}`.",
        Family.KEY_IS_READ_ONLY,
    ),
    Reason.KEY_HIDES_HISTORY: _act(
        "The key shows only a part of the history",
        "Take the key's start and end date of queries away at the exchange, then run `metrifly sync {connection}`; or create "
        "a read-only key without them and run `metrifly replace-key {connection}`.",
        of_new_key="Take the key's start and end date of queries away at the exchange, or create a read-only key without them, "
        "then run `metrifly replace-key {connection}` again.",
    ),
    Reason.KEY_OR_IP_OR_PERMISSION: _act(
        "The exchange refuses the key, the IP address or a permission, and does not say which",
        "Check at the exchange that the key exists, that it allows Metrifly's IP addresses, and that reading is "
        "switched on; then run `metrifly sync {connection}`, or `metrifly replace-key {connection}` with a new key.",
        of_new_key="Check at the exchange that the key exists, that it allows Metrifly's IP addresses, and that reading is "
        "switched on; then run `metrifly replace-key {connection}` again, with this key or a new one.",
    ),
    Reason.ACCOUNT_RESTRICTED: _act(
        "The exchange has restricted this exchange account",
        "Ask the exchange's support to lift the restriction, then run `metrifly sync {connection}`.",
    ),
    Reason.DIFFERENT_ACCOUNT: _act(
        "The key opens a different exchange account",
        "Run `metrifly replace-key {connection}` with a key of the same exchange account, or connect the other one "
        "as a connection of its own.",
    ),
    Reason.EXCHANGE_UNSUPPORTED: _act(
        "This exchange can no longer be synced",
        "Record by hand instead, such as a trade: `metrifly record trade buy --connection {connection} --base BASE "
        "--quote QUOTE --amount AMOUNT --cost COST --date DATE`, or many at once with `metrifly import --template FILE`; all "
        "trades imported so far stay.",
        turn=Turn.OPERATOR,
    ),
    Reason.MASTER_KEY_MISSING: _act(
        "The master key that opens the stored credentials is missing or another one",
        "Put the right master key file back, or run `metrifly replace-key {connection}` once a new one is in place.",
        turn=Turn.OPERATOR,
    ),
    Reason.RATE_LIMITED: _wait(
        "The exchange asks for fewer requests",
        "Nothing to do: the sync goes on by itself. Another program that uses the same key may slow it down.",
        of_new_key=_AGAIN,
    ),
    Reason.EXCHANGE_DOWN: _wait(
        "The exchange does not answer", "Nothing to do: the sync is tried again by itself.", of_new_key=_AGAIN
    ),
    Reason.MAINTENANCE: _wait(
        "The exchange is under maintenance", "Nothing to do: the sync is tried again by itself.", of_new_key=_AGAIN
    ),
    Reason.NETWORK: _wait(
        "The exchange could not be reached",
        "Nothing to do at first; if it lasts, check this machine's connection to the internet.",
        Turn.OPERATOR,
        of_new_key="Nothing was changed. Check this machine's connection to the internet, then give the same command again.",
    ),
    Reason.CLOCK_SKEW: _wait(
        "This machine's clock differs from the exchange's", "Set this machine's clock by NTP.", Turn.OPERATOR
    ),
    Reason.NONCE_CONFLICT: _wait(
        "Another program uses the same API key",
        "Give Metrifly a key of its own: create a read-only key and run `metrifly replace-key {connection}`.",
        Turn.OWNER,
    ),
    Reason.HISTORY_LIMITED: _note(
        "The exchange no longer shows the oldest part of the history",
        "Record what was held before that day, one entry for each asset: `metrifly record opening-balance "
        "--connection {connection} --asset ASSET --quantity QUANTITY --date DATE`, with the quantity 0 if nothing was.",
        Family.HISTORY_COMPLETE,
    ),
    Reason.COVERAGE_GAP: _note(
        "A span of time is missing from the history",
        "The exchange no longer shows it. Record what happened in that span, such as a trade: `metrifly record trade buy "
        "--connection {connection} --base BASE --quote QUOTE --amount AMOUNT --cost COST --date DATE`; "
        "what was no trade has a command of its own beside it, and `metrifly import --template FILE` takes many at once. Once all "
        "is in, or if there was nothing: `metrifly acknowledge {connection} coverage_gap --note TEXT`.",
        Family.HISTORY_COMPLETE,
    ),
    Reason.BALANCE_MISMATCH: _note(
        "Reported balances differ from what the history adds up to",
        "Run `metrifly reconcile` to see asset and amount. Record what is missing as what it was, or as "
        "`metrifly record adjustment --connection {connection} --asset ASSET --quantity QUANTITY --date DATE`.",
        Family.BALANCES_RECONCILE,
    ),
    Reason.QUARANTINED_RECORDS: _note(
        "Some records could not be read",
        "Run `metrifly quarantine` to see them with their reason.",
        Family.NO_QUARANTINE,
        Turn.OPERATOR,
    ),
    Reason.UNKNOWN_ASSET: _note(
        "An asset is not known to us and is kept under the exchange's own code",
        "Nothing is lost; add the code to the exchange's aliases.csv to join it with other exchanges.",
        Family.NO_QUARANTINE,
        Turn.OPERATOR,
    ),
    Reason.SURFACE_NOT_COVERED: _note(
        "There is a balance on a product of the exchange that is not synced",
        "Record its activity by hand in the portfolio, such as a staking reward: `metrifly record income reward "
        "--portfolio PORTFOLIO --asset ASSET --quantity QUANTITY --date DATE`. Leave the connection out: its balances "
        "are those of the products that are synced.",
        Family.HISTORY_COMPLETE,
    ),
    Reason.STREAM_NOT_PERMITTED: _note(
        "The key may not read everything",
        "Switch on the permission named beside it at the exchange, then run `metrifly sync {connection}`.",
        Family.HISTORY_COMPLETE,
    ),
    Reason.KEY_EXPIRING: _note(
        "The API key expires soon",
        "Create a new read-only key and run `metrifly replace-key {connection}`.",
        Family.CREDENTIALS_VALID,
    ),
    Reason.STALE: _note(
        "The last good sync is more than a day old",
        "See that the daily sync runs (`metrifly dev` starts it), then run `metrifly sync {connection}`.",
        Family.FRESH,
        Turn.OPERATOR,
    ),
    Reason.UNEXPECTED_RESPONSE: _note(
        "The exchange answered in a form we do not know",
        "Nothing is lost: the sync stops before it and is tried again. If it lasts, the exchange has changed its API.",
        Family.FRESH,
        Turn.OPERATOR,
        of_new_key="Nothing was changed. Give the same command again; if it lasts, the exchange has changed its API.",
    ),
    Reason.OWN_FAULT: _note(
        "Metrifly itself failed on this connection",
        "Nothing is lost: the next sync goes on from there. If it fails again, report it with the log of its run, which "
        "stands in the Dagster UI of `metrifly dev`.",
        Family.FRESH,
        Turn.OPERATOR,
    ),
    Reason.AMENDED_RECORDS: Meaning(
        title="The exchange changed records it had sent before",
        remedy="Nothing to do: both versions are kept, the newest counts.",
        level=Level.INFO,
        turn=Turn.NOBODY,
        family=Family.HISTORY_COMPLETE,
        retries=True,
    ),
    Reason.PERMISSIONS_NOT_VERIFIABLE: Meaning(
        title="The exchange does not tell what this key may do",
        remedy="Check at the exchange that the key can only read.",
        level=Level.INFO,
        turn=Turn.OWNER,
        family=Family.KEY_IS_READ_ONLY,
        retries=True,
    ),
}


_REPLACE = "`metrifly replace-key {connection}` again"
_FIRST_CONNECT = re.compile(r"`metrifly (?:replace-key|sync) \{connection\}`(?: again)?")


def remedy_for(reason: Reason, exchange: str, connection: ConnectionId | None) -> str:
    """The remedy with its commands filled in; before a connection exists, the command is to connect again."""
    return _filled_in(MEANING[reason].remedy, exchange, connection)


def remedy_of_new_key(reason: Reason, exchange: str, connection: ConnectionId | None) -> str:
    """The same for a key that was just given and isn't stored: nothing is tried again by itself, and a sync would use another key."""
    meaning = MEANING[reason]
    text = (meaning.of_new_key or meaning.remedy).replace("`metrifly sync {connection}`", _REPLACE)
    return _filled_in(text, exchange, connection)


def _filled_in(text: str, exchange: str, connection: ConnectionId | None) -> str:
    if connection is None:
        text = _FIRST_CONNECT.sub("`metrifly connect {exchange}` again", text)
        text = text.replace("--connection {connection}", "--portfolio PORTFOLIO")
    return text.replace("{connection}", connection or "CONNECTION").replace("{exchange}", exchange)
