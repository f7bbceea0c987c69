"""Carrying notifications out of the house: signed webhooks. The only room that sends anything anywhere but to an exchange."""

from metrifly_pipeline.delivery.courier import HouseCourier

__all__ = ["HouseCourier"]
