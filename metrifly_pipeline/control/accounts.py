"""Accounts and portfolios."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import RowMapping, insert, select
from sqlalchemy.exc import IntegrityError

from metrifly_pipeline.control.tables import accounts, portfolios
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.ids import AccountId, PortfolioId, new_account_id, new_portfolio_id
from metrifly_pipeline.domain.status import Portfolio
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError

_FIRST = AccountId("default")
_PLAN = "pro"


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
        """The account of that name, made on first use; the one called `default` has that as its id too."""
        with self._writing() as db:
            found = _account_named(db, name)
            if found is not None:
                return found
            made = _FIRST if name == _FIRST else self._free_account_id(db)
            try:
                with db.begin_nested():
                    db.execute(insert(accounts).values(id=made, name=name, plan=_PLAN, created_at=now))
            except IntegrityError:  # made by another process since we looked
                return _account_named(db, name) or made
            return made

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


def _key(name: str) -> str:
    return name.strip().casefold()


def _account_named(db: Database, name: str) -> AccountId | None:
    found: str | None = db.execute(select(accounts.c.id).where(accounts.c.name == name)).scalar()
    return None if found is None else AccountId(found)


def _portfolio_named(db: Database, account: AccountId, name_or_id: str) -> Portfolio | None:
    # An id wins over a name that reads like one.
    for column, value in ((portfolios.c.id, name_or_id.strip()), (portfolios.c.name_key, _key(name_or_id))):
        query = select(portfolios).where(portfolios.c.account == account, column == value)
        row = db.execute(query).mappings().one_or_none()
        if row is not None:
            return _portfolio(row)
    return None
