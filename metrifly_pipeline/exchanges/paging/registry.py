"""Which driver pages which family."""

from collections.abc import Callable, Iterator

from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import Page, Paging, Task
from metrifly_pipeline.exchanges.paging import backwards, halved, offset, snapshot, symbol
from metrifly_pipeline.exchanges.paging.rows import Ask

Driver = Callable[[StreamSpec, Task, Ask], Iterator[Page]]

DRIVERS: dict[Paging, Driver] = {
    Paging.OFFSET_IN_WINDOW: offset.pull,
    Paging.SYMBOL_BY_ID: symbol.pull,
    Paging.ID_BACKWARDS: backwards.pull,
    Paging.HALVED_WINDOW: halved.pull,
    Paging.SNAPSHOT: snapshot.pull,
}
