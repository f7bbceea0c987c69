"""While a first import lasts, everybody is told how far it is and how long it still takes at the exchange's real limits."""

from datetime import timedelta

from metrifly_pipeline.assets.metadata import dashboard_metadata
from metrifly_pipeline.domain.estimating import StreamStatus
from metrifly_pipeline.domain.status import Status
from metrifly_pipeline.sandbox.faults import FaultKind
from metrifly_pipeline.sandbox.generate import generate
from tests.scenarios.commands import Commands
from tests.scenarios.homes import SEED

MINUTE = timedelta(minutes=1)


def begun(home, exchange, trades):
    """A connection at the exchange's real limits whose import has not begun."""
    account = generate(exchange, SEED, trades=trades, now_us=home.time.now_us)
    home.start(account, scale=1.0)
    return home.connect(account).id


def work_and_look(home, connection, every=timedelta(seconds=20)):
    """Import to the end; what was shown meanwhile, and when it ended."""
    shown = []
    renew = home.time.while_asleep

    def look():
        renew()
        if not shown or home.time.now - shown[-1][0] >= every:
            shown.append((home.time.now, home.view(connection)))

    home.time.while_asleep = look
    home.work()
    return shown, home.time.now


def one_slice(home):
    (batch,) = home.product.requesting.batches()
    list(home.product.syncing.sync(batch.connections, batch.kind))


def test_the_time_left_is_within_a_factor_of_two_of_what_it_then_takes(home, figure):
    connection = begun(home, "kraken", 700)
    began = home.time.now

    shown, ended = work_and_look(home, connection)

    assert (home.view(connection).status, home.view(connection).progress) == (Status.UP_TO_DATE, None)
    known = [(at, view.progress) for at, view in shown if view.progress.left is not None]
    assert len(known) >= len(shown) - 1  # known from the first minute on
    middle = [(at, progress) for at, progress in known if 0.25 < (at - began) / (ended - began) < 0.75]
    assert len(middle) >= 5
    for at, progress in middle:
        assert (ended - at) / 2 <= progress.left <= (ended - at) * 2, (at, progress)
        assert abs(progress.percent - 100 * (at - began) / (ended - began)) < 15
    percents = [progress.percent for _, progress in known]
    assert percents == sorted(percents)
    figure(
        f"first import of 700 trades at Kraken's limits, {(ended - began) / MINUTE:.0f} min, estimated and real minutes left: "
        + ", ".join(f"{progress.left / MINUTE:.1f}/{(ended - at) / MINUTE:.1f}" for at, progress in known)
    )


def test_cli_warehouse_and_dagster_show_the_same(home, capsys):
    connection = begun(home, "kraken", 700)
    one_slice(home)
    view = home.view(connection)
    left = view.progress.left
    home.publish()
    metrifly = Commands(home, capsys)

    assert 0 < view.progress.percent < 99
    text = f"{view.progress.percent}%, about {round(left / MINUTE)} min left"
    (listed,) = metrifly.json("metrifly connections")
    assert listed["progress"] == {
        "percent": view.progress.percent,
        "seconds_left": round(left.total_seconds()),
        "text": text,
    }
    table = metrifly.told("metrifly connections")
    assert f"importing {view.progress.percent}%" in table
    landed = f"{listed['trades']} trades and {listed['movements']} movements landed in Main."
    assert listed["trades"] > 0
    assert f"{connection}: first import: {text}. {landed}" in table
    row = home.published(connection)
    assert (row["status"], row["progress"]) == ("importing", text)
    assert (row["import_percent"], row["import_seconds_left"]) == (view.progress.percent, round(left.total_seconds()))
    dashboard = home.product.listing.dashboard(home.product.listing.views())
    (told,) = dashboard_metadata(dashboard)["first_imports"].records
    assert told.data == {
        "connection": connection,
        "progress": f"{text}; {landed.removesuffix(' in Main.')}",
    }

    home.work()
    home.publish()
    assert metrifly.json("metrifly connections")[0]["progress"] is None
    assert home.published(connection)["progress"] is None
    assert "first_imports" not in dashboard_metadata(home.product.listing.dashboard(home.product.listing.views()))


def test_one_connection_is_shown_stream_by_stream_with_what_landed_there(home, capsys):
    connection = begun(home, "kraken", 700)
    metrifly = Commands(home, capsys)
    assert {each["status"] for each in metrifly.json(f"metrifly connections {connection}")["streams"].values()} == {
        "waiting"
    }
    one_slice(home)

    shown = metrifly.json(f"metrifly connections {connection}")
    told = metrifly.told(f"metrifly connections {connection}")

    fills, ledger = shown["streams"]["fills"], shown["streams"]["ledger"]
    assert (fills["status"], ledger["status"]) == ("importing", "waiting")
    assert 0 < fills["percent"] < shown["landed"]["fills"]["records"]
    assert fills["last_success_at"] is ledger["last_success_at"] is None
    assert f"First import: {shown['progress']['text']}." in told
    assert f"{shown['trades']} trades and {shown['movements']} movements landed in Main." in told
    assert f"fills importing {fills['percent']}%, less than 2 min left" in told
    assert "ledger waiting - 0 -" in told

    home.work()
    done = metrifly.json(f"metrifly connections {connection}")
    assert {each["status"] for each in done["streams"].values()} == {StreamStatus.UP_TO_DATE}
    assert done["landed"]["fills"]["records"] == done["trades"]
    home.publish()
    assert {row["stream"] for row in home.query(f"FROM streams WHERE connection_id = '{connection}'")} == set(
        done["streams"]
    )


def test_where_nobody_can_know_how_much_is_left_it_says_what_has_come_so_far(home):
    connection = begun(home, "okx", 600)
    home.fault("okx", FaultKind.STATUS_503, "bills-archive", times=500)
    shown, _ = work_and_look(home, connection, timedelta())
    importing = [view for _, view in shown if view.status is Status.IMPORTING]
    assert importing
    for view in importing:
        assert (view.progress.percent, view.progress.left) == (None, None)
        assert view.progress_text == "working, 0 records so far"  # `home.view` counts nothing

    stopped = home.product.listing.view(connection)

    assert stopped.status is Status.DELAYED
    assert stopped.trades > 0
    assert stopped.progress_text == f"{stopped.trades + stopped.movements} records so far"


def test_an_import_that_stands_still_promises_no_time(home):
    connection = begun(home, "kraken", 700)
    one_slice(home)
    assert home.view(connection).progress.left is not None
    home.fault("kraken", FaultKind.STATUS_503, times=500)

    home.work()

    view = home.view(connection)
    assert view.status is Status.DELAYED
    assert view.progress.left is None
    assert view.progress.percent > 0
    home.mend()
    home.time.turn(hours=1)
    home.daily()
    assert home.view(connection).status in {Status.IMPORTING, Status.UP_TO_DATE}
