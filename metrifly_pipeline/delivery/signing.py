"""How a receiver knows that a webhook comes from this installation and was not sent before: an HMAC over time and body."""

import hashlib
import hmac
from datetime import datetime

ID_HEADER = "Metrifly-Id"
TIMESTAMP_HEADER = "Metrifly-Timestamp"
SIGNATURE_HEADER = "Metrifly-Signature"
SCHEME = "v1"


def signed_headers(secret: str, message_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one try.

    Args:
        secret: As it was shown when the receiver was added; its UTF-8 bytes are the key.
        message_id: The same at every try, for telling repetitions.
        sent_at: The time of this try; receivers refuse one that lies minutes back.
        body: The bytes that are sent.

    Returns:
        Id, time in unix seconds, and `v1=` with the hex of HMAC-SHA256 over `<time>.<body>`.
    """
    timestamp = str(int(sent_at.timestamp()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {ID_HEADER: message_id, TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: f"{SCHEME}={digest}"}
