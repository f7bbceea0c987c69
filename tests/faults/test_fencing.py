"""A worker that lost its lease and wakes up late doubles nothing; what it had fetched stands once after the next sync."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.status import Outcome

LATE_POINTS = ("land.before_commit", "cursor.before", "normalise.before_commit")


class Overtaken:
    """While the slow worker stands at a labelled point, its lease runs out and another worker does all the work."""

    def __init__(self, home, label):
        self.home = home
        self.label = label
        self.meanwhile = []

    def __call__(self, reached):
        if reached == self.label and not self.meanwhile:
            self.meanwhile.append("begun")
            type(self.home).ahead += timedelta(minutes=15)
            with self.home.product() as quick:
                quick.requesting.file([self.home.connection])
                self.meanwhile += self.home.drain(quick)


@pytest.mark.parametrize("label", LATE_POINTS)
def test_a_worker_that_wakes_up_after_its_lease_was_taken_doubles_nothing(label, faulty_home):
    overtaken = Overtaken(faulty_home, label)
    with faulty_home.product(reach=overtaken) as slow:
        late = faulty_home.drain(slow)

    assert overtaken.meanwhile[1:], "the other worker must have synced meanwhile"
    assert late[0].run.outcome is Outcome.LEASE_LOST
    faulty_home.trade(2)
    reports = faulty_home.recover()
    assert [report.run.trades_added for report in reports] == [2]
    assert faulty_home.lost_and_doubled() == 0


def test_a_worker_that_nobody_overtakes_keeps_its_lease(faulty_home):
    with faulty_home.product() as only:
        reports = faulty_home.drain(only)

    assert [report.run.outcome for report in reports] == [Outcome.ADDED]
    assert faulty_home.lost_and_doubled() == 0
