"""Late and amended records: some are shown hours after they happened, some were first sent with other values."""

import random
from dataclasses import replace

from metrifly_pipeline.sandbox.pricing import unit
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthAmendment, TruthMovement, TruthTrade

HOUR_US = 3_600_000_000
ONE_PER = 250
"""One late and one amended trade for every so many, and two of each at the least."""


def revise(account: TruthAccount, rng: random.Random, now_us: int) -> None:
    """Make some records late and some amended, all within a day and all done by now.

    A late trade is shown later than it was executed; an amended one was sent with another fee at first.
    """
    accompanied = {movement.group_key for movement in account.movements}
    alone = [place for place, trade in enumerate(account.trades) if trade.native_id not in accompanied]
    count = min(len(alone) // 2, max(2, len(account.trades) // ONE_PER))
    places = rng.sample(alone, 2 * count)
    for place in places[:count]:
        trade = account.trades[place]
        account.trades[place] = replace(trade, visible_at_us=_later(rng, trade.executed_at_us, now_us))
    for place in places[count:]:
        trade = account.trades[place]
        account.amendments.append(
            TruthAmendment(
                key=trade.trade_key,
                amended_at_us=_later(rng, trade.executed_at_us, now_us),
                before=_with_another_fee(trade),
            )
        )
    deposits = [place for place, movement in enumerate(account.movements) if _is_plain_deposit(movement)]
    for place in rng.sample(deposits, min(len(deposits), 2)):
        deposit = account.movements[place]
        account.movements[place] = replace(deposit, visible_at_us=_later(rng, deposit.occurred_at_us, now_us))


def _later(rng: random.Random, moment_us: int, now_us: int) -> int:
    return min(now_us, moment_us + rng.randint(1, 20) * HOUR_US)


def _with_another_fee(trade: TruthTrade) -> TruthTrade:
    exponent = trade.fee_amount.as_tuple().exponent
    step = unit(max(2, -exponent if isinstance(exponent, int) else 2))
    return replace(trade, fee_amount=trade.fee_amount + step)


def _is_plain_deposit(movement: TruthMovement) -> bool:
    return movement.kind == "deposit" and movement.role == "main"
