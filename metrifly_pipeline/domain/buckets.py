"""How a limit of an exchange is named where requests are counted: all who share it must name the same."""

import re
from dataclasses import dataclass
from datetime import datetime

_NAME = re.compile(r"(?P<exchange>[a-z0-9_]+)(?P<place>@.*?)?:(?P<limit>[a-z]\w*):(?P<shared_by>ip|key):(?P<sharer>.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One limit as one key or one address meets it."""

    exchange: str
    place: str
    """`@127.0.0.1:8101` for a local exchange, so that its limits aren't mixed with the real one's."""
    limit: str
    shared_by: str
    """`key` or `ip`."""
    sharer: str
    """The address, or a fingerprint of the key."""

    def __str__(self) -> str:
        """As it is stored."""
        return f"{self.exchange}{self.place}:{self.limit}:{self.shared_by}:{self.sharer}"

    @classmethod
    def read(cls, name: str) -> "Bucket | None":
        """The bucket of a stored name; None where it names a gate."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        parts = found.groupdict()
        return cls(**(parts | {"place": parts["place"] or ""}))


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """Units that were taken of one bucket (or nothing, of a gate), and until when nobody may."""

    name: str
    today: float
    """Since midnight UTC."""
    day_before: float
    paused_until: datetime | None


def told_apart(name: str) -> tuple[str, str]:
    """Exchange and limit of a stored name, `address` for a gate: whose key or address it is stays out."""
    bucket = Bucket.read(name)
    if bucket is not None:
        return bucket.exchange, bucket.limit
    return re.split("[@:]", name, maxsplit=1)[0], "address"


def gate(exchange: str, place: str, address: str) -> str:
    """What stands before all buckets of one exchange for whoever asks from one address."""
    return f"{exchange}{place}:address:{address}"
