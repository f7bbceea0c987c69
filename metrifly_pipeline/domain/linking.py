"""What is said where an exchange account is linked already. Pure."""

from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.status import Connection


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
