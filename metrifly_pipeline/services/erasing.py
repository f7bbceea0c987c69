"""Deleting an account: its rows in the control database at once, then the lake's, then whatever else names its connections."""

from collections.abc import Callable, Collection, Sequence

from metrifly_pipeline.domain.entry_rows import rows_of
from metrifly_pipeline.domain.erasing import GRACE, AccountContents, Erasure, Forget
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.ports import Clock, ControlStore, Lake, Reach
from metrifly_pipeline.domain.trouble import NotFoundError

ForgetLogs = Callable[[Collection[ConnectionId]], bool]


class Erasing:
    """The verb *delete an account*, in steps that each may be done again: whoever dies on the way leaves the rest to the next call."""

    def __init__(self, control: ControlStore, lake: Lake, clock: Clock, forget_logs: ForgetLogs, reach: Reach) -> None:
        """Join the ports; `forget_logs` takes connections out of what our processes wrote, `reach` is called between the steps."""
        self._forget_logs = forget_logs
        self._control = control
        self._lake = lake
        self._clock = clock
        self._reach = reach

    def named(self, name: str) -> AccountId:
        """The account of that name. None is made, not even `default`.

        Raises:
            NotFoundError: There is none, or none any more.
        """
        found = self._control.find_account(name)
        if found is None:
            raise NotFoundError(f"There is no account {name!r}: `metrifly account list` shows those that there are")
        return found

    def contents(self, account: AccountId) -> AccountContents:
        """What would go with an account."""
        connections = [each.id for each in self._control.connections(account)]
        counted = self._lake.counts() if connections else {}
        counts = [counted[each] for each in connections if each in counted]
        return AccountContents(
            connections=len(connections),
            portfolios=len(self._control.portfolios(account)),
            trades=sum(each.trades for each in counts),
            movements=sum(each.movements for each in counts),
            entries=len({row.entry_id for row in rows_of(self._control.entries(account))}),
            receivers=len(self._control.receivers(account)),
        )

    def begin(self, account: AccountId, *, at_once: bool) -> Erasure:
        """Delete all rows of an account and fence its syncs; what is left of it in files goes after the grace period, or at once."""
        now = self._clock()
        return self._control.delete_account(account, now if at_once else now + GRACE, now)

    def begun(self, name: str) -> Erasure | None:
        """The newest deletion of an account of that name that has not come to its end."""
        same = [each for each in self._control.erasures() if _key(each.account_name) == _key(name)]
        return same[-1] if same else None

    def hasten(self, erasure: Erasure) -> None:
        """Let the grace period of a deletion end now."""
        self._control.hasten_erasure(erasure.id, self._clock())

    def rewrite(self) -> None:
        """Take the rows of deleted accounts out of the tables, where that has not been done. It comes before each publish."""
        for erasure in self._control.erasures():
            if erasure.rewritten_at is None:
                self._lake.erase(erasure.connections)
                self._reach("erase.before_note")
                self._control.note_rewritten(erasure.id, self._clock())

    def finish(self, forget: Forget) -> Sequence[Erasure]:
        """Remove what is left of deleted accounts whose time has come; those of which something stays until later."""
        return [erasure for erasure in self._control.erasures() if not self._finish(erasure, forget)]

    def _finish(self, erasure: Erasure, forget: Forget) -> bool:
        # The logs last: whatever works on the rest may still write there.
        forgotten = forget(erasure.connections, erasure.asked_at) & self._forget_logs(erasure.connections)
        now = self._clock()
        if erasure.rewritten_at is None or erasure.erase_at > now:
            return False
        if not self._lake.purge(erasure.connections, now) or not forgotten:
            return False
        self._reach("erase.before_end")
        self._control.end_erasure(erasure.id)
        return True


def _key(name: str) -> str:
    return name.strip().casefold()
