"""Plans: how many exchanges a customer may have linked at once, and what is said where that is reached. Pure."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from metrifly_pipeline.domain.ids import AccountId

DEFAULT_ACCOUNT = "default"
"""The account that is there without being created, on `Plan.PRO`."""


class Plan(StrEnum):
    """What a customer has booked. The value is stored; from small to large."""

    STARTER = "starter"
    STANDARD = "standard"
    PRO = "pro"

    @property
    def shown(self) -> str:
        """As a person reads it."""
        return self.value.capitalize()

    @property
    def limit(self) -> int | None:
        """How many exchanges may be linked; None: as many as there are."""
        return _LIMITS[self]

    def holds(self, linked: int) -> bool:
        """Whether so many linked exchanges are within the plan."""
        return self.limit is None or linked <= self.limit


_LIMITS: dict[Plan, int | None] = {Plan.STARTER: 3, Plan.STANDARD: 10, Plan.PRO: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A customer: the plan, and what counts against it."""

    id: AccountId
    name: str
    plan: Plan
    created_at: datetime
    linked: int
    """Connections that are not disconnected: what the plan's limit counts."""
    portfolios: int


def no_room(account: Account) -> str:
    """Why this account may not link one more exchange, and the two ways out; empty where it may."""
    if account.plan.holds(account.linked + 1):
        return ""
    larger = next(plan for plan in Plan if plan.holds(account.linked + 1))
    return (
        f"The plan {account.plan.shown} allows {account.plan.limit} linked exchanges, and {account.linked} are linked. "
        f"Disconnect one with `metrifly disconnect CONNECTION`, or change the plan with "
        f"`metrifly account plan {shlex.quote(account.name)} {larger}`."
    )


def standing(account: Account) -> str:
    """What an account's plan means for what it has linked, in one or two sentences."""
    plan = account.plan
    if plan.limit is None:
        return f"{plan.shown}: any number of linked exchanges; {account.linked} are linked."
    text = f"{plan.shown}: up to {plan.limit} linked exchanges; {account.linked} are linked."
    if plan.holds(account.linked):
        return text
    over = account.linked - plan.limit
    return f"{text} They all keep syncing, but no other can be connected before {over + 1} of them are disconnected."
