"""The product as a Dagster resource: whoever asks for `product` gets every service wired."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from metrifly_pipeline.resources.keeping import Kept
from metrifly_pipeline.settings import Settings

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product
else:
    # Dagster looks annotations up when definitions load, and they load without ccxt and SQLAlchemy.
    Product = Any

__all__ = ["Product", "ProductResource"]


class ProductResource(dg.ConfigurableResource[Any]):
    """Opens the product that the settings name. Its config is shown in the UI: it holds no secret."""

    home: str = ""
    """Where everything lies; empty for METRIFLY_HOME."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Product]:
        """The product: a run's own, closed when it ends; on PostgreSQL, ticks of one code server share theirs for a while.

        Some forty thousand ticks a day would otherwise spend more on opening a database than on looking into it. A SQLite file is opened anew:
        that costs little, and somebody may have put another one in its place.
        """
        from metrifly_pipeline.bootstrap import open_product  # noqa: PLC0415 - see above

        settings = Settings()
        if self.home:
            settings = settings.model_copy(update={"home": Path(self.home)})
        if context.run is None and settings.database_url is not None:
            yield _KEPT.of(settings, lambda: open_product(settings))
            return
        with open_product(settings) as product:
            yield product


_KEPT: Kept[Settings, Product] = Kept()
