"""Carrying notifications out of the house: signed webhooks and e-mail. The only room that sends anything anywhere but to an exchange."""

from metrifly_pipeline.delivery.courier import HouseCourier
from metrifly_pipeline.delivery.mail import Mailer

__all__ = ["HouseCourier", "Mailer"]
