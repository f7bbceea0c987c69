"""Publishing: what the lake says of reconciliation and quarantine becomes attention, then the analyst's file is built and swapped in."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from metrifly_pipeline.domain.entry_rows import rows_of
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import ConnectionCounts, ReconciliationRow
from metrifly_pipeline.domain.ports import Clock, ControlStore, Finding, Journal, Lake, journal_nothing
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status_rules import STALE_AFTER
from metrifly_pipeline.services.erasing import Erasing
from metrifly_pipeline.services.listing import Listing
from metrifly_pipeline.services.reports import PublishReport
from metrifly_pipeline.services.tables import small_tables

MENTIONED_ASSETS = 5


class Publishing:
    """The verb *publish*: all portfolios, one file."""

    def __init__(
        self,
        control: ControlStore,
        lake: Lake,
        listing: Listing,
        erasing: Erasing,
        clock: Clock,
        journal: Journal = journal_nothing,
    ) -> None:
        """Join the ports."""
        self._erasing = erasing
        self._control = control
        self._lake = lake
        self._listing = listing
        self._clock = clock
        self._journal = journal

    def judge(self) -> Sequence[ReconciliationRow]:
        """Turn what the lake says into findings: balances that differ, which it returns, quarantine, unknown assets, amendments."""
        now = self._clock()
        rows = self._lake.differences(entries=rows_of(self._control.entries()))
        counts = self._lake.counts()
        wrong = _mismatches(rows)
        unclear = {connection: _lake_findings(counted) for connection, counted in counts.items()}
        self._control.replace_stages({"reconcile": wrong, "normalize": unclear}, now)
        return rows

    def reconcile(self, connections: Sequence[ConnectionId]) -> Sequence[ReconciliationRow]:
        """Reported minus ledger, as it is now; nothing is judged."""
        return self._lake.reconcile(connections, entries=rows_of(self._control.entries())) if connections else []

    def publish(self) -> PublishReport:
        """Judge, file notifications of what changed, then publish everything up to the newest change.

        First the rows of deleted accounts are taken out of the tables: no file shows them without the connection that they belong to. Small
        files are joined before anything is read, since a day of many connections leaves a thousand of them.
        """
        self._erasing.rewrite()
        self._lake.join_small_files()
        differences = self.judge()
        self._control.tell_changes(self._clock())
        change_seq = self._control.change_seq()
        now = self._clock()
        views = self._listing.views()
        tables = small_tables(self._control, views, now)
        # Asked after the number is known: what is recorded meanwhile is published twice rather than not at all.
        entries = rows_of(self._control.entries())
        outcome = self._lake.publish(
            tables, entries=entries, change_seq=change_seq, published_at=now, stale_after=now + STALE_AFTER
        )
        if outcome.published:
            self._control.mark_published(change_seq, now)
        self._journal("published" if outcome.published else "publish dropped", change_seq=change_seq)
        return PublishReport(outcome=outcome, change_seq=change_seq, differences=differences, views=views)


def _mismatches(rows: Sequence[ReconciliationRow]) -> Mapping[ConnectionId, list[Finding]]:
    by_connection: dict[ConnectionId, list[ReconciliationRow]] = {}
    for row in rows:
        by_connection.setdefault(row.connection, []).append(row)
    return {
        connection: [Finding(reason=Reason.BALANCE_MISMATCH, detail=_mismatch_text(wrong))]
        for connection, wrong in by_connection.items()
    }


def _mismatch_text(wrong: Sequence[ReconciliationRow]) -> str:
    named = [f"{row.asset} {_signed(row.difference)}" for row in sorted(wrong, key=lambda row: row.asset)]
    more = f" and {len(named) - MENTIONED_ASSETS} more" if len(named) > MENTIONED_ASSETS else ""
    return ", ".join(named[:MENTIONED_ASSETS]) + more


def _signed(difference: Decimal) -> str:
    """Every digit; `normalize` would keep 28 of them."""
    text = f"{difference:+f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _lake_findings(counts: ConnectionCounts) -> list[Finding]:
    found = []
    if counts.quarantined:
        found.append(Finding(reason=Reason.QUARANTINED_RECORDS, detail=f"{counts.quarantined} records"))
    if counts.unknown_assets:
        found.append(Finding(reason=Reason.UNKNOWN_ASSET, detail=", ".join(counts.unknown_assets[:MENTIONED_ASSETS])))
    if counts.amended:
        found.append(Finding(reason=Reason.AMENDED_RECORDS, detail=f"{counts.amended} records"))
    return found
