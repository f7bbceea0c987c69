"""Master keys that were retired: what is sealed under one could never be opened again."""

from sqlalchemy import Connection as Database
from sqlalchemy import select

from metrifly_pipeline.control.tables import retired_keys
from metrifly_pipeline.domain.trouble import MasterKeyError


def refuse_retired(db: Database, key_id: str) -> None:
    """MasterKeyError for a retired key. Asked after the write that it guards: from then on `retire_key` waits for this transaction."""
    if db.execute(select(retired_keys.c.key_id).where(retired_keys.c.key_id == key_id)).first() is not None:
        raise MasterKeyError(
            f"The master key {key_id} was retired by a rotation, so nothing is sealed under it any more; "
            "start this again with the new master key (`metrifly master-key fingerprint` shows which one is in use)"
        )
