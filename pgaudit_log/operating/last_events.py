"""Last events: when each model was last written, as far as the newest events of the log tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connections

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database.partitions.calendar import FIRST, LAST
from pgaudit_log.operating.values import LastEvent
from pgaudit_log.values.sql_text import Sql, template
from pgaudit_log.values.utc import utc

MOST_EVENTS = 10_000
"""How many events are looked at, the newest: no index has those of one model in order."""


@dataclass(frozen=True, kw_only=True)
class LastEvents:
    """The newest events by model."""

    by_model: Mapping[str, LastEvent] = field(default_factory=dict)
    """By the label of the model."""
    since: datetime | None = None
    """Before when models that are not among them were last written; ``None`` if all events were looked at."""


def last_events(using: str) -> LastEvents:
    """Return the newest event of each model among the newest events of a log; one query."""
    asked = template("pgaudit_log.operating", "last_events.sql").sql(
        events=Sql.plain(EVENT_TABLE),
        most=Sql.plain(str(MOST_EVENTS)),
        first=Sql.param(FIRST),
        last=Sql.param(LAST),
    )
    with connections[using].cursor() as cursor:
        cursor.execute(asked.text, asked.params)
        rows = cursor.fetchall()
    return LastEvents(
        by_model={
            model: LastEvent(id=id, created_at=utc(time), model=model)
            for model, id, time, _since, _number in rows
        },
        since=utc(rows[0][3]) if rows and rows[0][4] == MOST_EVENTS else None,
    )
