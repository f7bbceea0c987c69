"""Notifications: what the control room keeps of them, and what carries them out of the house."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from metrifly_pipeline.domain.ids import AccountId, ReceiverId
from metrifly_pipeline.domain.notifying import Notification, Receiver, ReceiverKind
from metrifly_pipeline.domain.status import SealedCredential


class NotificationStore(Protocol):
    """The control database's part. Each method is one transaction unless it says otherwise; times are aware UTC."""

    def add_receiver(self, receiver: Receiver, sealed: SealedCredential | None) -> None:
        """Store where notifications go, and a webhook's sealed secret; RefusedError where the account has that address already."""

    def receivers(self, account: AccountId | None = None) -> Sequence[Receiver]:
        """Receivers, oldest first, with how their notifications fare."""

    def receiver(self, account: AccountId, receiver: str) -> Receiver:
        """One of an account; NotFoundError."""

    def sealed_secret(self, receiver: ReceiverId) -> SealedCredential | None:
        """A webhook's sealed secret; its `connection` is the receiver's id, which the vault binds it to."""

    def remove_receiver(self, account: AccountId, receiver: ReceiverId) -> None:
        """Forget it, its secret and what waits for it; NotFoundError."""

    def tell_changes(self, now: datetime) -> int:
        """Compare what stands on each connection with what was told; one notification a change and receiver.

        What is told is remembered in the transaction that files the notifications, one for each connection, so a change is told once
        whoever looks how often. Returns how many were filed.
        """

    def notification_due(self, now: datetime) -> tuple[int, int] | None:
        """(number, tries so far) of the oldest notification that may be sent now; None where none may."""

    def claim_notifications(self, now: datetime, limit: int, hold: timedelta) -> Sequence[Notification]:
        """Take notifications to send, each for one caller until `hold` has passed: then, if its end was not noted, for another.

        Of one connection a receiver gets them in order: a later one waits until the earlier is delivered or given up.
        """

    def note_delivered(self, number: int, now: datetime) -> None:
        """The receiver took it."""

    def note_failed(self, number: int, attempt: int, trouble: str, next_at: datetime | None) -> None:
        """The receiver did not take it; None: it is given up. A no-op where a later try has been claimed meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One message on its way."""

    kind: ReceiverKind
    address: str
    id: str
    body: str
    sent_at: datetime
    secret: str = field(default="", repr=False)


class Courier(Protocol):
    """Carries messages to receivers."""

    def deliver(self, parcels: Sequence[Parcel]) -> Sequence[str]:
        """Send them side by side, each within a bounded time; for each why it did not arrive, in our words, or nothing where it did.

        Never raises for what a receiver or the way to it does, and never repeats what a receiver said.
        """

    def mail_trouble(self) -> str:
        """Why no e-mail can be sent, with what to set; empty where a mail server is set."""
