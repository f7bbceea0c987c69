"""Customers of ours and their plans: create, change the plan, list, and whether one more exchange may be linked."""

from collections.abc import Sequence

from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.plans import Account, Plan, no_room
from metrifly_pipeline.domain.ports import Clock, ControlStore
from metrifly_pipeline.domain.trouble import RefusedError


class Accounting:
    """The verbs around accounts."""

    def __init__(self, control: ControlStore, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._clock = clock

    def named(self, name: str) -> AccountId:
        """The account of that name; `default` is made on first use, NotFoundError for any other that wasn't created."""
        return self._control.ensure_account(name, self._clock())

    def create(self, name: str, plan: Plan) -> Account:
        """Make an account; RefusedError where the name is taken (any case) or empty."""
        return self._control.create_account(name, plan, self._clock())

    def change_plan(self, name: str, plan: Plan) -> Account:
        """Put an account on another plan; what is linked beyond it keeps syncing."""
        return self._control.set_plan(self.named(name), plan)

    def every(self) -> Sequence[Account]:
        """All accounts, oldest first, with what they have linked."""
        return self._control.accounts()

    def require_room(self, account: AccountId) -> None:
        """RefusedError where the plan allows no further linked exchange.

        It saves a person from giving a key in vain. What holds against others at the same moment is the store's own count.
        """
        refusal = no_room(self._control.account(account))
        if refusal:
            raise RefusedError(refusal)
