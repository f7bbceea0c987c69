"""What a notification says: JSON for programs, and the same in words for people. Pure; never key material, which nothing here ever sees."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.notifying import News
from metrifly_pipeline.domain.reasons import MEANING, Level
from metrifly_pipeline.domain.status import Connection, Status

TEST = "test"
NEEDS_ATTENTION = "connection.needs_attention"
NOTICE = "connection.notice"
CURED = "connection.cured"
_SUBJECTS = {NEEDS_ATTENTION: "needs attention", NOTICE: "has a notice", CURED: "is cured"}


def body_of(
    found: News, connection: Connection, account_name: str, status: Status, *, message_id: str, at: datetime
) -> str:
    """The JSON that a webhook receives, and from which an e-mail is written."""
    return json.dumps(
        {
            "id": message_id,
            "type": _type(found, at),
            "at": at.isoformat(),
            "account": account_name,
            "connection": connection.id,
            "exchange": connection.exchange,
            "label": connection.label,
            "status": status.value,
            "attention": [_attention(item, at) | {"new": item.reason in found.new} for item in found.standing],
            "cured": [{"reason": reason.value, "title": MEANING[reason].title} for reason in found.cured],
        },
        ensure_ascii=False,
    )


def trial_body(account_name: str, *, message_id: str, at: datetime) -> str:
    """What `metrifly notify test` sends."""
    text = "A test: notifications of this account arrive here."
    body = {"id": message_id, "type": TEST, "at": at.isoformat(), "account": account_name, "text": text}
    return json.dumps(body, ensure_ascii=False)


def _type(found: News, at: datetime) -> str:
    if not found.new:
        return CURED
    acting = any(item.reason in found.new and item.level(at) is Level.ACTION for item in found.standing)
    return NEEDS_ATTENTION if acting else NOTICE


def _attention(item: Attention, at: datetime) -> dict[str, object]:
    return {
        "reason": item.reason.value,
        "level": item.level(at).value,
        "stream": item.stream,
        "title": item.title,
        "detail": item.detail,
        "remedy": item.remedy,
        "since": item.since.isoformat(),
    }


def mail_of(body: str) -> tuple[str, str]:
    """Subject and text of an e-mail."""
    message: Mapping[str, Any] = json.loads(body)
    if message["type"] == TEST:
        return "Metrifly: a test", f"{message['text']}\n"
    connection = ConnectionId(message["connection"])
    subject = f"Metrifly: {connection} {_SUBJECTS[message['type']]}"
    label = f" ({' '.join(message['label'].split())})" if message["label"] else ""
    lines = [
        f"Connection {connection}{label} of account {message['account']}: {message['status'].replace('_', ' ')}.",
        "",
    ]
    lines += [f"Cured: {item['title']}." for item in message["cured"]]
    for item in message["attention"]:
        detail = f" ({item['detail']})" if item["detail"] else ""
        sign = "Needs attention" if item["level"] == Level.ACTION else "Notice"
        lines += [f"{sign}{'' if item['new'] else ', as before'}: {item['title']}{detail}.", f"    {item['remedy']}"]
    return subject, "\n".join([*lines, ""])
