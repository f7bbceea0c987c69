"""Many sealed rows in a home, without a command for each."""

from datetime import UTC, datetime

from sqlalchemy import insert

from metrifly_pipeline.control.notification_tables import receivers
from metrifly_pipeline.control.rows import from_connection
from metrifly_pipeline.control.tables import connections, credentials
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.status import Connection, Status

AT = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ("key_id", "wrapped_key", "sealed", "fingerprint")


def fill(product, rows):
    """Seal `rows` secrets: half of connections, half of webhooks; the secrets are `planted-0`, `planted-1`, ..."""
    account = product.account
    portfolio = product.control.create_portfolio(account, "Sealed", AT)
    made = {connections: [], credentials: [], receivers: []}
    for number in range(rows):
        name = ConnectionId(f"kraken-{number:08d}" if number % 2 else f"nt-{number:08d}")
        sealed = product.vault.seal(account, name, 1, Credential("planted-key", f"planted-{number}"))
        columns = {column: getattr(sealed, column) for column in NAMES}
        if number % 2:
            connection = Connection(
                id=name,
                account=account,
                portfolio=portfolio.id,
                exchange="kraken",
                label="",
                base_url=None,
                identity=f"AA{number}",
                app_id=f"app-{number}",
                created_at=AT,
            )
            shown = {"credential_version": 1, "shown_status": Status.IMPORTING}
            made[connections].append(from_connection(connection) | shown)
            made[credentials].append({"connection": name, "version": 1} | columns)
        else:
            receiver = {"id": name, "account": account, "kind": "webhook", "address": f"a{number}", "created_at": AT}
            made[receivers].append(receiver | columns)
    with product.control._writing() as db:
        for table, values in made.items():
            db.execute(insert(table), values)
