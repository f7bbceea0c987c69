"""Where rows come newest first and no page can be jumped to, the oldest are looked for from the edge of what is kept."""

from datetime import timedelta

from metrifly_pipeline.domain.streams import Span
from metrifly_pipeline.exchanges import catalog
from metrifly_pipeline.exchanges.paging.glimpse import MOST_STEPS, glimpse
from metrifly_pipeline.exchanges.paging.rows import EPOCH

STREAM = catalog.hooks("okx").spec.streams[0]
START = EPOCH + timedelta(days=20_000)
KEPT = timedelta(days=89)


class Account:
    """Answers the newest hundred rows of a span, as the exchange does."""

    def __init__(self, *hours: int) -> None:
        self.rows = [{"billId": str(hour), "ts": str(_ms(START + timedelta(hours=hour)))} for hour in hours]
        self.asked = 0

    def __call__(self, params):
        self.asked += 1
        inside = [row for row in self.rows if int(params["begin"]) <= int(row["ts"]) <= int(params["end"])]
        return {"data": inside[::-1][:100]}

    def glimpse(self, start=START, end=START + KEPT):
        return {record.event_at for record in glimpse(STREAM, "SPOT", Span(start, end), self)}


def _ms(moment):
    return int((moment - EPOCH) / timedelta(milliseconds=1))


def at(*hours):
    return {START + timedelta(hours=hour) for hour in hours}


def test_of_a_long_history_the_first_rows_are_found_from_the_edge_of_what_is_kept():
    account = Account(*range(200, 2_000))  # nothing in the first week

    shown = account.glimpse()

    assert at(200) <= shown
    assert at(1_999) <= shown
    assert len(shown) <= 200
    assert account.asked <= 10


def test_rows_as_dense_as_can_be_end_the_search_after_a_few_steps():
    account = Account(*[500] * 300, *range(501, 700))

    assert at(500) <= account.glimpse()
    assert account.asked == 1 + MOST_STEPS


def test_what_fits_one_page_is_asked_for_once():
    account = Account(3, 900)

    assert account.glimpse() == at(3, 900)
    assert account.asked == 1


def test_a_full_page_of_one_moment_is_not_looked_behind():
    account = Account(*[5] * 150)

    assert account.glimpse(*[START + timedelta(hours=5)] * 2) == at(5)
    assert account.asked == 1
