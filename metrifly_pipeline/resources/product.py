"""The product as a Dagster resource: whoever asks for `product` gets every service wired, opened for one run or one tick."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

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
        """The product, closed when the run or tick ends."""
        del context
        from metrifly_pipeline.bootstrap import open_product  # noqa: PLC0415 - see above

        settings = Settings()
        if self.home:
            settings = settings.model_copy(update={"home": Path(self.home)})
        with open_product(settings) as product:
            yield product
