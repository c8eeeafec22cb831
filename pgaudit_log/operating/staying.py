"""Staying: which events a retention leaves, of those that are older than it keeps.

That is the newest event of each object that there was, as ``as_of()`` would find it; what is held; what
others refer to for a large value; and what says that a row was gone, as long as anything else of it
stays. They are listed in a table, while partitions are rewritten by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pgaudit_log.capture_v1.references import former_key, moved_marker
from pgaudit_log.constants import AT_KEY, EVENT_TABLE, OF_ROWS
from pgaudit_log.database.partitions.calendar import Period
from pgaudit_log.database.partitions.copies import within
from pgaudit_log.operating.holds import Hold, held_sql
from pgaudit_log.operating.retention_rules import Rule, Told
from pgaudit_log.reading.snapshot_sql import text_array_sql
from pgaudit_log.timetravel import state_sql
from pgaudit_log.values.pinned_settings import AT_ONCE, pinned
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.sql_text import Sql

REFERENCES_REACH = timedelta(days=32)
"""How much later an event may be that refers to another one for a large value: a month at most."""

_OF_ROWS = f"operation IN ({', '.join(map(quote_literal, OF_ROWS))})"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """How many events stay because of one hold, that else would go."""

    hold: Hold
    events: int


@dataclass(frozen=True, kw_only=True)
class Gone:
    """How many events of a model, of one month, go."""

    model: str
    month: str
    """Such as ``2026-03``."""
    events: int


@dataclass(frozen=True, kw_only=True)
class Staying:
    """The list of the events that stay, in a table."""

    table: str
    """Its name in SQL."""
    rules: tuple[Rule, ...]
    """The rules, with moments that are bounds of partitions."""
    told: Callable[[Rule], Sequence[Told]]
    periods: tuple[Period, ...]
    """The periods of the partitions that are older, the oldest first."""
    holds: tuple[Hold, ...]
    using: str

    def make(self, cursor: Any, *, temporary: bool) -> list[Kept]:
        """Make the table, and return what stays because of which hold."""
        kind = "TEMPORARY TABLE" if temporary else "TABLE"
        cursor.execute(
            f"CREATE {kind} {self.table} (id bigint PRIMARY KEY, created_at timestamptz, part integer,"
            " key text, txid bigint, turn bigint, is_there boolean)"
        )
        for number, rule in enumerate(self.rules):
            self._add_baselines(cursor, number, rule)
        with pinned(self.using, **AT_ONCE):
            kept = self._add_others(cursor)
        cursor.execute(f"ANALYZE {self.table}")
        return kept

    def _add_others(self, cursor: Any) -> list[Kept]:
        """Add what stays beside the baselines, and return how much of it because of which hold."""
        self._add(
            cursor,
            f"JOIN {self.table} AS newest ON newest.turn IS NOT NULL AND newest.txid = event.txid"
            " AND newest.key = event.obj_pk AND newest.part = subject.part",
            "event.id > newest.id",
        )
        kept = [Kept(hold=one, events=self._add_held(cursor, one)) for one in self.holds]
        self._add_overtaken(cursor)
        self._add_late_ends(cursor)
        self._add_large(cursor)
        while self._add_ends(cursor):
            # They may refer to large values, too.
            self._add_large(cursor)
        return kept

    def gone(self, cursor: Any) -> list[tuple[Period, Gone]]:
        """Return how many events go, by partition, model and month."""
        found = []
        for period in self.periods:
            cursor.execute(
                f"SELECT event.model, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM'), count(*)"
                f" FROM {EVENT_TABLE} AS event JOIN {self._subject} USING (model)"
                f" WHERE {within(period, 'event.')} AND event.created_at < subject.since"
                f" AND NOT EXISTS (SELECT FROM {self.table} AS stay WHERE stay.id = event.id)"
                " GROUP BY 1, 2 ORDER BY 1, 2"
            )
            found += [
                (period, Gone(model=model, month=month, events=events))
                for model, month, events in cursor.fetchall()
            ]
        return found

    def last_ids(self, cursor: Any) -> dict[str, int]:
        """Return the largest id that an older event of each label has."""
        cursor.execute(
            f"SELECT event.model, max(event.id) FROM {EVENT_TABLE} AS event"
            f" JOIN {self._subject} USING (model)"
            f" WHERE {self._is_old} AND event.created_at < subject.since GROUP BY 1"
        )
        return dict(cursor.fetchall())

    @property
    def _subject(self) -> str:
        """Return the labels of the models of which events go, and from when on they stay."""
        values = ", ".join(
            f"({quote_literal(label)}, {number}, {_moment(rule.before)})"
            for number, rule in enumerate(self.rules)
            for label in rule.labels
        )
        return f"(VALUES {values}) AS subject (model, part, since)"

    @property
    def _is_old(self) -> str:
        # By itself, so that later partitions are not looked into.
        return f"event.created_at < {_moment(max(rule.before for rule in self.rules))}"

    def _add(self, cursor: Any, source: str, test: str, *, key: str = "event.obj_pk") -> int:
        cursor.execute(
            f"INSERT INTO {self.table}"
            f" SELECT event.id, event.created_at, subject.part, {key}, event.txid, event.turn,"
            f" event.operation IN ('I', 'U', 'B')"
            f" FROM {EVENT_TABLE} AS event JOIN {self._subject} USING (model) {source}"
            f" WHERE {self._is_old} AND event.created_at < subject.since AND {test}"
            " ON CONFLICT DO NOTHING"
        )
        return int(cursor.rowcount)

    def _add_baselines(self, cursor: Any, number: int, rule: Rule) -> None:
        for told in self.told(rule):
            in_force = state_sql.events_in_force_sql(
                told.table, old_labels=told.old_labels, is_complete=told.is_complete
            ).sql(past=f"event.created_at < {_moment(rule.before)}", restriction="", known="TRUE")
            insert = (
                Sql.plain(
                    f"INSERT INTO {self.table} SELECT id, created_at, {number}, obj_pk, txid, turn, TRUE"
                    f" FROM {EVENT_TABLE} AS event WHERE event.created_at < {_moment(rule.before)}"
                    " AND event.id IN "
                )
                + in_force
                + " ON CONFLICT DO NOTHING"
            )
            cursor.execute(insert.text, insert.params)

    def _add_held(self, cursor: Any, one: Hold) -> int:
        return self._add(cursor, "", f"({held_sql('event', [one], using=self.using)})")

    def _add_overtaken(self, cursor: Any) -> None:
        """Add the events that end in an earlier partition than they are in, by their ids.

        Partitions are rewritten one after the other, the oldest first: there, what says that a row
        was gone would go before the row does.
        """
        for period in self.periods[:-1]:
            cursor.execute(
                f"SELECT max(id) FROM {EVENT_TABLE} AS event WHERE {within(period, 'event.')}"
                f" AND ({self._is_end('event')})"
            )
            [last] = cursor.fetchone()
            if last is not None:
                own = self._subject.replace("subject", "own")
                # The last end of each key, and of all: asked of each two events, it would take as
                # many times longer as there are ends.
                self._add(
                    cursor,
                    "LEFT JOIN (SELECT own.part, departure.key, max(ending.id) AS id"
                    f" FROM {EVENT_TABLE} AS ending JOIN {own} USING (model)"
                    " CROSS JOIN LATERAL (SELECT ending.obj_pk AS key"
                    f" UNION ALL {self._former_keys('ending')}) AS departure"
                    f" WHERE {within(period, 'ending.')} AND ({self._is_end('ending')})"
                    " GROUP BY own.part, departure.key) AS ended"
                    " ON ended.part = subject.part AND ended.key = event.obj_pk"
                    " LEFT JOIN (SELECT own.part, max(ending.id) AS id"
                    f" FROM {EVENT_TABLE} AS ending JOIN {own} USING (model)"
                    f" WHERE {within(period, 'ending.')} AND ending.operation = 'T'"
                    " GROUP BY own.part) AS emptied ON emptied.part = subject.part",
                    f"event.created_at >= {_moment(period.end)} AND event.id < {last}"
                    f" AND event.{_OF_ROWS} AND event.id < GREATEST(ended.id, emptied.id)",
                )

    def _add_late_ends(self, cursor: Any) -> None:
        """Add what says that rows were gone which came later by their time, and before by their ids.

        A transaction that began before the moment may have ended a row of one that began after it.
        """
        cursor.execute(
            f"SELECT max(id) FROM {EVENT_TABLE} AS event WHERE {self._is_old} AND ({self._is_end('event')})"
        )
        [last] = cursor.fetchone()
        if last is None:
            return
        newer = (
            f"FROM {EVENT_TABLE} AS newer JOIN {self._subject.replace('subject', 'own')} USING (model)"
            f" WHERE newer.created_at >= own.since AND newer.id < {last} AND newer.{_OF_ROWS}"
        )
        self._add(
            cursor,
            f"{self._former} LEFT JOIN (SELECT own.part, newer.obj_pk AS key, min(newer.id) AS id {newer}"
            " GROUP BY own.part, newer.obj_pk) AS later"
            " ON later.part = subject.part AND later.key = COALESCE(former.key, event.obj_pk)"
            f" LEFT JOIN (SELECT own.part, min(newer.id) AS id {newer} GROUP BY own.part) AS first"
            " ON first.part = subject.part",
            f"({self._is_end('event')})"
            " AND event.id > CASE event.operation WHEN 'T' THEN first.id ELSE later.id END",
        )

    def _is_end(self, event: str) -> str:
        """Return the test whether an event says that a row, or all, left a key."""
        moved = f"{event}.operation = 'U' AND {event}.refs && {self._markers}"
        return f"{event}.operation IN ('D', 'T') OR ({moved})"

    @property
    def _labels(self) -> list[str]:
        return [label for rule in self.rules for label in rule.labels]

    @property
    def _markers(self) -> str:
        """Return what refs have where the key of a row was changed."""
        return text_array_sql([moved_marker(label) for label in self._labels])

    @property
    def _former(self) -> str:
        """Return the join of ``former``: the ``key`` that the row of an event had, if it changed."""
        return (
            f"LEFT JOIN LATERAL ({self._former_keys('event')}"
            f" WHERE event.refs && {self._markers} LIMIT 1) AS former ON event.operation = 'U'"
        )

    def _former_keys(self, event: str) -> str:
        """Return the SELECT of the ``key`` that a row had before an event, where it was changed."""
        starts = text_array_sql([former_key(label, "") for label in self._labels])
        return (
            'SELECT substr(reference, length(start) + 1) COLLATE "C" AS key'
            f" FROM unnest({event}.refs) AS reference"
            f" JOIN unnest({starts}) AS start ON starts_with(reference, start)"
        )

    def _add_large(self, cursor: Any) -> None:
        """Add the events that have a large value which one that stays refers to."""
        cursor.execute("SELECT EXISTS (SELECT FROM pgaudit_log_column WHERE is_large)")
        if not cursor.fetchone()[0]:
            return
        last = max(rule.before for rule in self.rules) + REFERENCES_REACH
        self._add(
            cursor,
            "JOIN (SELECT DISTINCT (place ->> 'id')::bigint AS id,"
            " (place ->> 'created_at')::timestamptz AS created_at"
            f" FROM {EVENT_TABLE} AS event JOIN {self._subject} USING (model),"
            f" jsonb_each(event.snapshot) AS value, LATERAL (SELECT value.value -> '{AT_KEY}') AS at (place)"
            f" WHERE event.created_at < {_moment(last)} AND place ->> 'id' ~ '^-?[0-9]{{1,18}}$'"
            f" AND (event.created_at >= subject.since OR EXISTS"
            f" (SELECT FROM {self.table} AS stay WHERE stay.id = event.id))) AS referred"
            " ON referred.id = event.id AND referred.created_at = event.created_at",
            "TRUE",
        )

    def _add_ends(self, cursor: Any) -> int:
        """Add what says that rows were gone of which something stays; return how many there were."""
        stays = f"SELECT FROM {self.table} AS stay WHERE stay.part = subject.part AND stay.is_there"
        is_new = f"NOT EXISTS (SELECT FROM {self.table} AS stay WHERE stay.id = event.id)"
        ended = self._add(
            cursor,
            self._former,
            f"(event.operation = 'D' OR former.key IS NOT NULL) AND {is_new}"
            f" AND EXISTS ({stays} AND stay.key = COALESCE(former.key, event.obj_pk)"
            " AND (stay.id < event.id OR stay.txid = event.txid))",
        )
        # By itself: above, what stays is found by its key, which this has not.
        there = f"FROM {self.table} WHERE is_there"
        emptied = self._add(
            cursor,
            f"LEFT JOIN (SELECT part, min(id) AS id {there} GROUP BY part) AS first"
            " ON first.part = subject.part"
            f" LEFT JOIN (SELECT DISTINCT part, txid {there}) AS same"
            " ON same.part = subject.part AND same.txid = event.txid",
            f"event.operation = 'T' AND {is_new}"
            " AND (first.id < event.id OR same.txid IS NOT NULL)",
        )
        return ended + emptied


def _moment(moment: datetime) -> str:
    return f"{quote_literal(moment.isoformat())}::timestamptz"
