"""Accounts and portfolios."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import RowMapping, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from metrifly_pipeline.control.tables import accounts, connections, portfolios
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.ids import AccountId, PortfolioId, new_account_id, new_portfolio_id
from metrifly_pipeline.domain.plans import DEFAULT_ACCOUNT, Account, Plan, no_room
from metrifly_pipeline.domain.status import Portfolio
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError

_FIRST = AccountId(DEFAULT_ACCOUNT)


def _portfolio(row: RowMapping) -> Portfolio:
    return Portfolio(
        id=PortfolioId(row["id"]),
        account=AccountId(row["account"]),
        name=row["name"],
        change_seq=row["change_seq"],
        published_seq=row["published_seq"],
        created_at=row["created_at"],
    )


class Accounts(Transactions):
    """The store's methods for accounts and portfolios."""

    def ensure_account(self, name: str, now: datetime) -> AccountId:
        """The account of that name, in any case of letters; `default` is made on first use, with that as its id too.

        NotFoundError for any other that was not created.
        """
        with self._reading() as db:
            found = account_named(db, name)
        if found is not None:
            return found
        if _key(name) != _FIRST:
            raise NotFoundError(
                f"There is no account {name!r}: `metrifly account list` shows those that there are, "
                f"`metrifly account create {shlex.quote(name)}` makes it"
            )
        try:
            with self._writing() as db:
                _insert(db, _FIRST, _FIRST, Plan.PRO, now)
        except IntegrityError:
            pass  # made by another process since we looked
        return _FIRST

    def create_account(self, name: str, plan: Plan, now: datetime) -> Account:
        """Make an account; RefusedError where the name is taken (any case) or empty."""
        shown = name.strip()
        if not shown:
            raise RefusedError("An account needs a name")
        taken = RefusedError(f"There is an account {shown!r} already; choose another name")
        try:
            with self._writing() as db:
                if account_named(db, shown) is not None:
                    raise taken
                made = _FIRST if _key(shown) == _FIRST else self._free_account_id(db)
                _insert(db, made, _FIRST if made == _FIRST else shown, plan, now)
                return one_account(db, made)
        except IntegrityError:
            raise taken from None

    def account(self, account: AccountId) -> Account:
        """One account with what it has linked; NotFoundError."""
        with self._reading() as db:
            return one_account(db, account)

    def accounts(self) -> Sequence[Account]:
        """Every account, oldest first."""
        with self._reading() as db:
            rows = db.execute(_counted().order_by(accounts.c.created_at, accounts.c.id)).mappings()
            return [_account(row) for row in rows]

    def set_plan(self, account: AccountId, plan: Plan) -> Account:
        """Change the plan; what is linked beyond it stays linked. NotFoundError."""
        with self._writing() as db:
            db.execute(update(accounts).where(accounts.c.id == account).values(plan=plan.value))
            return one_account(db, account)

    def _free_account_id(self, db: Database) -> AccountId:
        while True:
            candidate = new_account_id(self._rng)
            if db.execute(select(accounts.c.id).where(accounts.c.id == candidate)).scalar() is None:
                return candidate

    def create_portfolio(self, account: AccountId, name: str, now: datetime) -> Portfolio:
        """Make a portfolio; RefusedError where the name is taken (any case) or empty."""
        shown = name.strip()
        if not shown:
            raise RefusedError("A portfolio needs a name")
        taken = RefusedError(f"There is a portfolio {shown!r} already; choose another name")
        try:
            with self._writing() as db:
                made = self._free_portfolio_id(db)
                row = {"id": made, "account": account, "name": shown, "name_key": _key(shown), "created_at": now}
                if _portfolio_named(db, account, shown) is not None:
                    raise taken
                db.execute(insert(portfolios).values(row))
                return _portfolio(db.execute(select(portfolios).where(portfolios.c.id == made)).mappings().one())
        except IntegrityError:
            raise taken from None

    def _free_portfolio_id(self, db: Database) -> PortfolioId:
        while True:
            candidate = new_portfolio_id(self._rng)
            if db.execute(select(portfolios.c.id).where(portfolios.c.id == candidate)).scalar() is None:
                return candidate

    def portfolios(self, account: AccountId | None = None) -> Sequence[Portfolio]:
        """Portfolios, oldest first; all accounts' for None."""
        query = select(portfolios).order_by(portfolios.c.created_at, portfolios.c.id)
        if account is not None:
            query = query.where(portfolios.c.account == account)
        with self._reading() as db:
            return [_portfolio(row) for row in db.execute(query).mappings()]

    def find_portfolio(self, account: AccountId, name_or_id: str) -> Portfolio:
        """By id or name (any case); NotFoundError names what exists."""
        with self._reading() as db:
            found = _portfolio_named(db, account, name_or_id)
        if found is not None:
            return found
        names = ", ".join(repr(portfolio.name) for portfolio in self.portfolios(account))
        remedy = f"there are {names}" if names else "make one with `metrifly portfolio create`"
        raise NotFoundError(f"There is no portfolio {name_or_id!r}; {remedy}")


def _insert(db: Database, account: AccountId, name: str, plan: Plan, now: datetime) -> None:
    db.execute(insert(accounts).values(id=account, name=name, plan=plan.value, created_at=now))


def _counted() -> Select[Any]:
    """Accounts with the number of their portfolios, and of their connections that are not disconnected."""
    linked = select(func.count()).where(connections.c.account == accounts.c.id, connections.c.disconnected_at.is_(None))
    owned = select(func.count()).where(portfolios.c.account == accounts.c.id)
    return select(accounts, linked.scalar_subquery().label("linked"), owned.scalar_subquery().label("portfolios"))


def _account(row: RowMapping) -> Account:
    return Account(
        id=AccountId(row["id"]),
        name=row["name"],
        plan=Plan(row["plan"]),
        created_at=row["created_at"],
        linked=row["linked"],
        portfolios=row["portfolios"],
    )


def one_account(db: Database, account: AccountId) -> Account:
    """One account; NotFoundError."""
    row = db.execute(_counted().where(accounts.c.id == account)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no account {account}; `metrifly account list` shows those that there are")
    return _account(row)


def require_room(db: Database, account: AccountId) -> None:
    """RefusedError where the plan allows no further linked exchange.

    It holds only after `number_change` in the same transaction: that lock lets one transaction after the other count.
    """
    refusal = no_room(one_account(db, account))
    if refusal:
        raise RefusedError(refusal)


def _key(name: str) -> str:
    return name.strip().casefold()


def account_named(db: Database, name: str) -> AccountId | None:
    """The account of that name, in any case of letters."""
    found: str | None = db.execute(select(accounts.c.id).where(accounts.c.name == name.strip())).scalar()
    if found is None:  # folded here: the two databases fold case differently
        names = db.execute(select(accounts.c.name, accounts.c.id))
        found = next((row.id for row in names if _key(row.name) == _key(name)), None)
    return None if found is None else AccountId(found)


def _portfolio_named(db: Database, account: AccountId, name_or_id: str) -> Portfolio | None:
    # An id wins over a name that reads like one.
    for column, value in ((portfolios.c.id, name_or_id.strip()), (portfolios.c.name_key, _key(name_or_id))):
        query = select(portfolios).where(portfolios.c.account == account, column == value)
        row = db.execute(query).mappings().one_or_none()
        if row is not None:
            return _portfolio(row)
    return None
