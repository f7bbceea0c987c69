"""What is said where an exchange account is linked already, and where an exchange can't be linked at all. Pure."""

from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.status import Connection

NOT_LINKED = "Direct account link isn't available: use file import or manual entry instead"
INSTEAD = (
    "`metrifly import --template trades.xlsx` writes a file to fill in, and `metrifly import trades.xlsx --portfolio NAME` "
    "imports it; `metrifly record --help` lists what can be recorded one by one."
)
"""The commands of `NOT_LINKED`."""
BY_HAND = (
    "What is not covered, or is missing, you add: `metrifly record income reward` (staking rewards), `metrifly record income "
    "airdrop`, `metrifly record transfer in` or `out`, `metrifly record swap` (crypto-to-crypto trades), `metrifly record trade "
    "buy` or `sell`; many at once with `metrifly import --template FILE`."
)


def linked_already(linked: Connection, account: AccountId) -> str:
    """Why `account` can't link what is linked as `linked`. Of another customer's connection nothing is told but that there is one."""
    if linked.account != account:
        return "This exchange account is linked in another Metrifly account."
    if linked.disconnected_at is not None:
        return (
            f"This exchange account is linked already, as {linked.id}, which is disconnected. "
            f"To go on with it, run `metrifly reconnect {linked.id}`."
        )
    return (
        f"This exchange account is linked already, as {linked.id}. "
        f"To use another key for it, run `metrifly replace-key {linked.id}`."
    )
