"""Records: events with their JSON as text, so that nothing of a value is lost, under today's names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.db import connections, models
from django.db.models.functions import Cast

from pgaudit_log.capture_v1.references import former_key
from pgaudit_log.constants import AT_KEY, EVENT_TABLE
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading.hidden_values import hidden_changes, hidden_texts
from pgaudit_log.values import causal_order, row_json

if TYPE_CHECKING:
    # Its querysets read records.
    from pgaudit_log.reading.event_model import Event


@dataclass(frozen=True, kw_only=True)
class Record:
    """One event, with its JSON as text, keyed by what the columns are called today."""

    id: int
    label: str
    """The label of its model at its time."""
    model: type[models.Model]
    tracker: str
    key: str | None
    using: str
    """The database that it is in."""
    operation: str
    txid: int
    turn: int | None
    snapshot: str | None = field(repr=False)
    diff: str | None = field(repr=False)
    refs: tuple[str, ...] = ()
    large: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What its snapshot has by reference to other events; all that are read share one text."""

    @property
    def values(self) -> dict[str, str]:
        """The columns of its snapshot, those that it has by reference too."""
        return {**row_json.split(self.snapshot), **self.large}

    @property
    def former_key(self) -> str | None:
        """The key that the row had before, where this changed it."""
        start = former_key(self.label, "")
        for reference in self.refs:
            if reference.startswith(start):
                return reference.removeprefix(start)
        return None

    @property
    def before(self) -> dict[str, str] | None:
        """The row that it found, as far as it is tracked."""
        found = row_json.before(self.operation, self.snapshot, self.diff)
        return None if found is None else {**self.large, **found}

    @property
    def after(self) -> dict[str, str] | None:
        """The row that it left, as far as it is tracked."""
        found = row_json.after(self.operation, self.snapshot, self.diff)
        return None if found is None else {**self.large, **found}


def event_id(event: Event) -> int:
    """Return the id of an event of the trail, or of a typed one.

    Raises:
        QueryError: for what is no event.
    """
    if not isinstance(getattr(event, "pgh_id", None), int):
        raise QueryError(f"{event!r} is no event. Give one of the trail, or a typed one.")
    id: int = event.pgh_id
    return id


def read(events: models.QuerySet[Any, Any], using: str) -> list[Record]:
    """Return events with their JSON as text, in causal order.

    Raises:
        QueryError: for events of a model that there is no more, or that is not tracked.
    """
    text = models.TextField()
    found = (
        events.using(using)
        .order_by("pgh_id")
        .annotate(snapshot_text=Cast("pgh_data", text), diff_text=Cast("pgh_diff", text))
        .values_list(
            "pgh_id",
            "pgh_obj_model",
            "pgh_label",
            "pgh_obj_id",
            "pgh_operation",
            "pgh_txid",
            "snapshot_text",
            "diff_text",
            "pgh_refs",
            "pgh_shape",
            "pgh_turn",
        )
    )
    records = []
    models_by_label: dict[str, type[models.Model] | None] = {}
    for id, label, tracker, key, operation, txid, snapshot, diff, refs, shape, turn in found:
        if label not in models_by_label:
            models_by_label[label] = model_labels.model_of(label, using)
        model = models_by_label[label]
        if model is None:
            raise QueryError(
                f"Event {id} is of {label}, which is no tracked model any more. Give the label to"
                " track(former_labels=…) of the model that it has become."
            )
        records.append(
            Record(
                id=id,
                label=label,
                model=model,
                tracker=tracker,
                key=key,
                operation=operation,
                txid=txid,
                turn=turn,
                snapshot=_today(model, snapshot, shape, using, hidden_texts),
                diff=_today(model, diff, shape, using, hidden_changes),
                refs=tuple(refs or ()),
                using=using,
            )
        )
    return causal_order.ordered(_resolved(records, using))


def _resolved(records: list[Record], using: str) -> list[Record]:
    """Return records with the large values that stand in other events.

    Whatever is declared large: a release of the project that still runs may not know it yet.
    """
    references: dict[int, dict[str, str]] = {}
    for position, record in enumerate(records):
        if record.snapshot is None or AT_KEY not in record.snapshot:
            continue
        found = {
            column: text
            for column, text in row_json.split(record.snapshot).items()
            if row_json.is_elsewhere(text)
        }
        if found:
            references[position] = found
    if not references:
        return records
    texts = _elsewhere({text for found in references.values() for text in found.values()}, using)
    resolved = list(records)
    for position, found in references.items():
        record = records[position]
        own = {c: v for c, v in row_json.split(record.snapshot).items() if c not in found}
        values = {column: texts[text] for column, text in found.items() if text in texts}
        resolved[position] = replace(record, snapshot=row_json.join(own), large=values)
    return resolved


def _elsewhere(references: Collection[str], using: str) -> dict[str, str]:
    """Return the values that events have for others, by the reference; not those that are gone."""
    places = [
        (text, *place) for text in references if (place := row_json.place_of(text)) is not None
    ]
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"""
            SELECT place.reference, (event.snapshot -> place.key)::text
            FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[], %s::text[])
                AS place (reference, id, created_at, key)
            JOIN {EVENT_TABLE} AS event
                ON event.id = place.id AND event.created_at = place.created_at
            WHERE jsonb_exists(event.snapshot, place.key)
            """,
            [list(values) for values in zip(*places, strict=True)] or [[], [], [], []],
        )
        return dict(cursor.fetchall())


def _today(
    model: type[models.Model],
    document: str | None,
    shape: int,
    using: str,
    hidden: Callable[[type[models.Model], Mapping[str, str]], dict[str, str]],
) -> str | None:
    """Return a snapshot or a diff by what its columns are called today, ``hidden`` what is masked."""
    if document is None or not document.startswith("{"):
        # What is no object says of no column what it had, whoever wrote it.
        return None
    values = row_json.split(document)
    named = hidden(model, former_names.today(model, values, shape, using))
    return document if named.keys() == values.keys() and named == values else row_json.join(named)
