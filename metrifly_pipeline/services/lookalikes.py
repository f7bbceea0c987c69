"""Whether a connection imported already what somebody enters by hand or by a file: both would count."""

from collections import defaultdict
from collections.abc import Sequence

from metrifly_pipeline.domain.entries import Draft, Place
from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.lookalikes import Lookalike, Sought, sought_for
from metrifly_pipeline.domain.ports import ControlStore, Lake


def lookalikes(control: ControlStore, lake: Lake, account: AccountId, drafts: Sequence[Draft]) -> list[Lookalike]:
    """Imported records that say what these drafts say, by draft and time.

    Looked through is the connection that a draft names, or else every connection that flows into its portfolio, disconnected ones
    included.
    """
    by_place: dict[Place, list[Sought]] = defaultdict(list)
    for number, draft in enumerate(drafts):
        by_place[draft.place] += sought_for(number, draft)
    connections = control.connections(account) if any(place.connection is None for place in by_place) else ()
    found: list[Lookalike] = []
    for place, sought in by_place.items():
        flowing = [each.id for each in connections if each.portfolio == place.portfolio]
        among = flowing if place.connection is None else [place.connection]
        if sought and among:
            found += lake.lookalikes(sought, among)
    return sorted(found, key=lambda each: (each.number, each.occurred_at, each.connection, each.record))
