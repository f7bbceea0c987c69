"""Notifications: who gets them, and sending what waits. State lies in the control database, so a try goes on wherever the last one ended."""

import base64
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, ReceiverId, new_receiver_id
from metrifly_pipeline.domain.messages import trial_body
from metrifly_pipeline.domain.notifying import (
    Notification,
    Receiver,
    ReceiverKind,
    email_address,
    pause_after,
    webhook_address,
)
from metrifly_pipeline.domain.ports import Clock, ControlStore, Courier, Parcel, Vault
from metrifly_pipeline.domain.trouble import MasterKeyError, RefusedError

TOGETHER = 20
"""How many are sent side by side."""
ROUNDS = 5
"""How often one call takes more: the rest waits for the next."""
HOLD = timedelta(minutes=2)
"""How long a try may take; a process that died meanwhile is taken over after that."""
_SECRET_BYTES = 32
_NO_SECRET = "its secret can't be opened: the master key is missing or another one"  # noqa: S105 - what is said, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one round of sending came to."""

    delivered: int
    failed: int


class Notifying:
    """The verbs around notifications."""

    def __init__(
        self,
        control: ControlStore,
        vault: Vault,
        courier: Courier,
        clock: Clock,
        rng: random.Random,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """`rng` makes ids and jitter, `random_bytes` secrets."""
        self._control = control
        self._vault = vault
        self._courier = courier
        self._clock = clock
        self._rng = rng
        self._random_bytes = random_bytes

    def add_webhook(self, account: AccountId, url: str) -> tuple[Receiver, str]:
        """Send an account's notifications to a URL.

        Returns:
            The receiver, and the secret with which what it gets is signed: nobody can ask for it again.

        Raises:
            RefusedError: The URL is neither https nor on this machine, or the account has it already.
            MasterKeyError: The secret can't be sealed.
        """
        receiver = self._made(account, ReceiverKind.WEBHOOK, webhook_address(url))
        secret = f"whsec_{base64.urlsafe_b64encode(self._random_bytes(_SECRET_BYTES)).decode().rstrip('=')}"
        sealed = self._vault.seal(account, ConnectionId(receiver.id), 1, Credential(secret, ""))
        self._control.add_receiver(receiver, sealed)
        return receiver, secret

    def add_email(self, account: AccountId, address: str) -> Receiver:
        """Send an account's notifications to an e-mail address; RefusedError where no mail server is set or it is none."""
        receiver = self._made(account, ReceiverKind.EMAIL, email_address(address))
        trouble = self._courier.mail_trouble()
        if trouble:
            raise RefusedError(trouble)
        self._control.add_receiver(receiver, None)
        return receiver

    def _made(self, account: AccountId, kind: ReceiverKind, address: str) -> Receiver:
        made, now = new_receiver_id(self._rng), self._clock()
        return Receiver(id=made, account=account, kind=kind, address=address, created_at=now)

    def every(self, account: AccountId) -> Sequence[Receiver]:
        """An account's receivers, oldest first, with how their notifications fare."""
        return self._control.receivers(account)

    def remove(self, account: AccountId, receiver: str) -> Receiver:
        """Forget a receiver and what waits for it; NotFoundError."""
        found = self._control.receiver(account, receiver)
        self._control.remove_receiver(account, found.id)
        return found

    def test(self, account: AccountId, receiver: str) -> tuple[Receiver, str]:
        """Send one test now, once; the receiver and why it did not arrive, or nothing where it did."""
        found = self._control.receiver(account, receiver)
        made, now = f"{self._rng.getrandbits(128):032x}", self._clock()
        body = trial_body(self._control.account(account).name, message_id=made, at=now)
        parcel = self._parcel(found, made, body)
        return found, _NO_SECRET if parcel is None else self._courier.deliver([parcel])[0]

    def deliver(self) -> Delivered:
        """Send what waits; what does not arrive is tried again later, for about a day."""
        delivered = failed = 0
        for _ in range(ROUNDS):
            claimed = self._control.claim_notifications(self._clock(), TOGETHER, HOLD)
            if not claimed:
                break
            troubles = self._send(claimed)
            delivered += troubles.count("")
            failed += len(troubles) - troubles.count("")
        return Delivered(delivered=delivered, failed=failed)

    def _send(self, claimed: Sequence[Notification]) -> list[str]:
        known = {each.id: each for each in self._control.receivers()}
        parcels = {
            each.number: self._parcel(known[each.receiver], each.id, each.body)
            for each in claimed
            if each.receiver in known
        }
        ready = {number: parcel for number, parcel in parcels.items() if parcel is not None}
        troubles = dict(zip(ready, self._courier.deliver(list(ready.values())), strict=True))
        ended = [(each, troubles.get(each.number, _NO_SECRET)) for each in claimed]
        for each, trouble in ended:
            self._note(each, trouble)
        return [trouble for _each, trouble in ended]

    def _note(self, sent: Notification, trouble: str) -> None:
        now = self._clock()
        if not trouble:
            self._control.note_delivered(sent.number, now)
            return
        pause = pause_after(sent.attempt, self._rng.random())
        self._control.note_failed(sent.number, sent.attempt, trouble, None if pause is None else now + pause)

    def _parcel(self, receiver: Receiver, message_id: str, body: str) -> Parcel | None:
        """The message ready to go; None where the secret to sign it with can't be had."""
        secret = self._secret(receiver)
        if secret is None:
            return None
        return Parcel(
            kind=receiver.kind,
            address=receiver.address,
            id=message_id,
            body=body,
            sent_at=self._clock(),
            secret=secret,
        )

    def _secret(self, receiver: Receiver) -> str | None:
        if receiver.kind is ReceiverKind.EMAIL:
            return ""
        sealed = self._control.sealed_secret(ReceiverId(receiver.id))
        try:
            return None if sealed is None else self._vault.open(receiver.account, sealed).api_key
        except MasterKeyError:
            return None
