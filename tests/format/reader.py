"""A reader of format 1, as a stranger would write it from docs/reference/format.md.

It has nothing of this package, and of Python only a driver and JSON: it stands for a reader in any
other language.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any, Final, NamedTuple

import psycopg

Key = str
Row = dict[str, Any]


class Number(NamedTuple):
    """A number with all its digits: 1.50 is not 1.5, and no text."""

    text: str


class Constant(NamedTuple):
    name: str


JSON_NULL: Final = Constant("JSON null")
"""A JSON value, where ``None`` is SQL's NULL."""

UNKNOWN: Final = Constant("unknown")


class Event(NamedTuple):
    id: int
    txid: int
    turn: int | None
    shape: int
    label: str
    model: str
    key: Key | None
    operation: str
    snapshot: str | None
    diff: str | None
    refs: list[str] | None

    def former_key(self) -> Key | None:
        """Return the key that the row had before the change, the same one if it did not move."""
        start = f"was {self.model}:"
        return next((r[len(start) :] for r in self.refs or () if r.startswith(start)), self.key)


class Reader:
    """Replays the trail of one table."""

    def __init__(self, connection: psycopg.Connection[Any], table: str) -> None:
        self.connection = connection
        table_id = self._table(table)
        self.names = self._names(table_id)
        self.events = _in_causal_order(
            [
                Event(*found)
                for found in self._query(
                    "SELECT id, txid, turn, shape, label, model, obj_pk, operation,"
                    " snapshot::text, diff::text, refs FROM pgaudit_log_event"
                    " WHERE model IN (SELECT label FROM pgaudit_log_label WHERE table_id = %s)",
                    table_id,
                )
            ]
        )
        # Within a statement several rows may be at one key: each with who put it there.
        self.rows: dict[Key, list[tuple[int, Row]]] = defaultdict(list)
        # What each label told of the same change: the declarations of a model tell one after another.
        self.told: Counter[tuple[Any, ...]] = Counter()
        self.changed: dict[tuple[Any, ...], list[Row]] = defaultdict(list)

    def replay(self) -> dict[Key, Row]:
        """Return the rows that the trail ends with, by key: values by today's columns."""
        left = Counter(event.txid for event in self.events)
        touched: dict[int, set[Key]] = defaultdict(set)
        for event in self.events:
            self._apply(event)
            touched[event.txid] |= {k for k in (event.former_key(), event.key) if k is not None}
            left[event.txid] -= 1
            if not left[event.txid]:
                # Between transactions, one row is at a key: the one that came last.
                for key in touched.pop(event.txid):
                    del self.rows[key][:-1]
        return {key: there[-1][1] for key, there in self.rows.items() if there}

    def _query(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, values).fetchall()

    def _table(self, table: str) -> int:
        """Return the number of a table: by its oid, in a restored copy by its name."""
        found = self._query(
            "SELECT known.id FROM pgaudit_log_table AS known, pg_class, pg_namespace"
            " WHERE pg_class.oid = %s::regclass AND pg_namespace.oid = relnamespace"
            " AND dropped_at IS NULL AND CASE WHEN database = pgaudit_log_database()"
            "  THEN relation = pg_class.oid"
            "  ELSE known.name = quote_ident(nspname) || '.' || quote_ident(relname) END"
            " ORDER BY database = pgaudit_log_database() DESC, known.id DESC LIMIT 1",
            table,
        )
        return int(found[0][0])

    def _names(self, table_id: int) -> dict[tuple[int, str], str | None]:
        """Return what a key of a shape is called today; ``None`` where the column is gone."""
        return {
            (shape, key): name
            for shape, key, name in self._query(
                "SELECT shape.id, pair.key, field.name FROM pgaudit_log_shape AS shape"
                " CROSS JOIN jsonb_each_text(columns) AS pair"
                " LEFT JOIN pgaudit_log_column AS field ON field.table_id = shape.table_id"
                "  AND field.number = pair.value::integer AND field.attnum IS NOT NULL"
                " WHERE shape.table_id = %s",
                table_id,
            )
        }

    def _apply(self, event: Event) -> None:
        if event.operation == "M":
            return
        if event.operation == "T":
            self.rows.clear()
            return
        if event.operation not in "IUDB":
            raise ValueError(f"An operation that this reader does not know: {event.operation}")
        before, after = self._images(event)
        key, former = event.key, event.former_key()
        assert key is not None and former is not None
        row = self._told_before(event, key, former)
        if row is None:
            row = {} if event.operation == "I" else self._take(event, former, before)
            if event.operation != "D":
                self.rows[key].append((event.txid, row))
            if event.operation in "ID" or former != key:
                self.changed[event.txid, event.operation, former, key].append(row)
        row.update(after)
        for column in [c for c, value in row.items() if value is UNKNOWN]:
            del row[column]

    def _told_before(self, event: Event, key: Key, former: Key) -> Row | None:
        """Return the row of a change of rows or keys that another label has told already."""
        change = event.txid, event.operation, former, key
        if event.operation not in "ID" and former == key:
            return None
        self.told[(*change, event.label)] += 1
        place = self.told[(*change, event.label)] - 1
        known = self.changed[change][place : place + 1]
        # A row that has left since was not told of again: this is another change.
        still = [found for _, found in self.rows[key]]
        if known and (event.operation == "D" or any(known[0] is found for found in still)):
            return known[0]
        return None

    def _take(self, event: Event, key: Key, before: Row) -> Row:
        """Take the row that an event is about from the key that it was at; an empty one if it is unknown."""
        there = self.rows[key]
        if event.operation == "B" or (event.operation == "U" and key == event.key):
            # Who stays leaves no room: nobody else is at the key, or passes through.
            return there.pop()[1] if there else {}
        alike = [
            found
            for found in there
            if all(
                value is UNKNOWN or found[1].get(column, value) == value
                for column, value in before.items()
            )
        ]
        # What came in this transaction and looks otherwise is only passing on to here.
        older = [found for found in there if found[0] != event.txid]
        for found in [*alike, *older]:
            there[:] = [f for f in there if f is not found]
            return found[1]
        return {}

    def _images(self, event: Event) -> tuple[Row, Row]:
        """Return what an event says of the row before and after it, under the names of today."""
        before = _document(event.snapshot or "{}")
        after = dict(before)
        for key, (old, new) in _document(event.diff or "{}").items():
            before[key], after[key] = old, new

        def today(document: Row) -> Row:
            named = {self.names.get((event.shape, k), k): v for k, v in document.items()}
            return {name: self._value(v) for name, v in named.items() if name is not None}

        return today(before), today(after)

    def _value(self, stored: Any) -> Any:
        """Return the value that is meant, which an event may have as a marker."""
        match stored:
            case {"pgaudit_log.json": value}:
                return JSON_NULL if value is None else value
            case {"pgaudit_log.at": {"id": holder, "created_at": moment, "key": key}}:
                found = self._query(
                    "SELECT (snapshot -> %s)::text FROM pgaudit_log_event"
                    " WHERE id = %s AND created_at = %s::timestamptz",
                    key,
                    holder.text,
                    moment,
                )
                return self._value(_document(found[0][0])) if found and found[0][0] else UNKNOWN
            case {"pgaudit_log.masked": _} | {"pgaudit_log.erased": _}:
                return UNKNOWN
            case {"pgaudit_log.marker": _}:
                raise ValueError(f"A marker that this reader does not know: {stored}")
        return stored


def replay(connection: psycopg.Connection[Any], table: str) -> dict[Key, Row]:
    """Return the rows that the trail of a table ends with, by key: values by today's columns."""
    return Reader(connection, table).replay()


def _document(text: str) -> Any:
    return json.loads(text, parse_float=Number, parse_int=Number)


def _in_causal_order(events: list[Event]) -> list[Event]:
    """Return events by id, those of each transaction in their own order in its places."""
    events = sorted(events, key=lambda event: event.id)
    places: dict[int, list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        places[event.txid].append(place)
    ordered = list(events)
    for own in places.values():
        of_one = [events[place] for place in own]
        of_one.sort(key=lambda e: (e.id if e.turn is None else e.turn, e.id))
        for place, event in zip(own, of_one, strict=True):
            ordered[place] = event
    return ordered


class Writer(NamedTuple):
    """Who wrote an event: what PostgreSQL observed, and what the client claimed."""

    id: int
    observed: dict[str, Any]
    claimed: dict[str, Any] | None


def writers(connection: psycopg.Connection[Any]) -> list[Writer]:
    """Return who wrote each event, by id."""
    return [
        Writer(id, {"role": role, **json.loads(session or "{}")}, json.loads(claim or "null"))
        for id, role, session, claim in connection.execute(
            "SELECT id, role, session::text, context::text FROM pgaudit_log_event ORDER BY id"
        )
    ]
