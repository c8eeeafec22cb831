"""A reader of format 1, as a stranger would write it from docs/reference/format.md.

It has nothing of this package, and of Python only a driver and JSON: it stands for a reader in any
other language.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import psycopg

Row = dict[str, Any]
Rows = dict[str, Row]

EVENTS = """
SELECT id, txid, turn, shape, model, obj_pk, operation, snapshot::text, diff::text, refs
FROM pgaudit_log_event
WHERE model = ANY (%s)
"""


class Event(NamedTuple):
    id: int
    txid: int
    turn: int | None
    shape: int
    model: str
    key: str | None
    operation: str
    snapshot: str | None
    diff: str | None
    refs: list[str] | None


def replay(connection: psycopg.Connection[Any], table: str) -> Rows:
    """Return the rows that the trail of a table ends with, by key: values by today's column."""
    [(table_id,)] = connection.execute(
        "SELECT id FROM pgaudit_log_table WHERE relation = %s::regclass AND dropped_at IS NULL",
        [table],
    ).fetchall()
    labels = _column(
        connection, "SELECT label FROM pgaudit_log_label WHERE table_id = %s", table_id
    )
    names = _names(connection, table_id)
    events = [Event(*row) for row in connection.execute(EVENTS, [labels])]
    # While one statement passes keys on from row to row, several rows may be at one key.
    rows: dict[str, list[Row]] = {}
    for event in _in_causal_order(events):
        if event.operation == "T":
            rows.clear()
        elif event.operation in "IUDB":
            _apply(rows, event, names.get(event.shape, {}), connection)
        elif event.operation != "M":
            raise ValueError(f"An operation that this reader does not know: {event.operation}")
    return {key: found[-1] for key, found in rows.items() if found}


def _json(text: str) -> Any:
    """Return JSON with its numbers as text, so that none of their digits is lost."""
    return json.loads(text, parse_float=str, parse_int=str)


def _column(connection: psycopg.Connection[Any], query: str, value: Any) -> list[Any]:
    return [found for (found,) in connection.execute(query, [value])]


def _names(connection: psycopg.Connection[Any], table_id: int) -> dict[int, dict[str, str | None]]:
    """Return what the keys of each shape are called today; ``None`` where the column is gone."""
    today = dict(
        connection.execute(
            "SELECT number, name FROM pgaudit_log_column WHERE table_id = %s AND attnum IS NOT NULL",
            [table_id],
        ).fetchall()
    )
    shapes = connection.execute(
        "SELECT id, columns::text FROM pgaudit_log_shape WHERE table_id = %s", [table_id]
    )
    return {
        id: {key: today.get(number) for key, number in json.loads(columns).items()}
        for id, columns in shapes
    }


def _in_causal_order(events: list[Event]) -> list[Event]:
    """Return events by id, those of each transaction in their own order in its places."""
    found = sorted(events)
    places: dict[int, list[int]] = {}
    for place, event in enumerate(found):
        places.setdefault(event.txid, []).append(place)
    for own in places.values():
        ordered = sorted((found[p] for p in own), key=lambda e: (e.turn or e.id, e.id))
        for place, event in zip(own, ordered, strict=True):
            found[place] = event
    return found


def _former_key(event: Event) -> str | None:
    start = f"was {event.model}:"
    return next((r[len(start) :] for r in event.refs or () if r.startswith(start)), None)


def _apply(
    rows: dict[str, list[Row]],
    event: Event,
    names: dict[str, str | None],
    connection: psycopg.Connection[Any],
) -> None:
    """Let an event happen to the row that looks as it says that the row was before."""
    assert event.key is not None
    diff = _json(event.diff or "{}")
    before = _json(event.snapshot or "{}")
    after = dict(before)
    for key, (old, new) in diff.items():
        before[key], after[key] = old, new

    def today(document: Row) -> Row:
        return {
            str(names.get(key, key)): _value(value, connection)
            for key, value in document.items()
            if names.get(key, key) is not None
        }

    row: Row = {}
    there = rows.setdefault(_former_key(event) or event.key, [])
    if there:
        image = today(before)
        alike = [r for r in there if all(r.get(c, v) == v for c, v in image.items())]
        row = (alike or there)[-1]
        there.remove(row)
    if event.operation != "D":
        rows.setdefault(event.key, []).append({**row, **today(after)})


def _value(stored: Any, connection: psycopg.Connection[Any]) -> Any:
    """Return a value: a marker is resolved, SQL's NULL is ``None``, a JSON null is "null"."""
    match stored:
        case {"pgaudit_log.json": value}:
            return "null" if value is None else value
        case {"pgaudit_log.at": {"id": holder, "created_at": moment, "key": key}}:
            found = connection.execute(
                "SELECT (snapshot -> %s)::text FROM pgaudit_log_event WHERE id = %s AND created_at = %s",
                [key, holder, moment],
            ).fetchone()
            return None if found is None else _value(_json(found[0]), connection)
        case {**object} if any(key.startswith("pgaudit_log.") for key in object):
            raise ValueError(f"A marker that this reader does not know: {stored}")
    return stored


def writers(connection: psycopg.Connection[Any]) -> list[tuple[int, str, str | None]]:
    """Return who wrote each event: its id, the role that was observed, the user that was claimed."""
    return list(
        connection.execute(
            "SELECT id, role, context ->> 'user' FROM pgaudit_log_event ORDER BY id"
        ).fetchall()
    )
