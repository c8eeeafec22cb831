"""Documents: values as JSON has them, so that a program that reads them loses nothing."""

from __future__ import annotations

import json
from typing import Any

from pgaudit_log.constants import OPERATIONS
from pgaudit_log.diffs import FieldDiff
from pgaudit_log.models import Events
from pgaudit_log.reading.hidden_values import hidden_document
from pgaudit_log.values.plain_values import plain
from pgaudit_log.values.row_json import MISSING


def dump(document: Any) -> str:
    """Return one JSON document, in ASCII, so that no terminal and no encoding can change it."""
    return json.dumps(plain(document), indent=2, allow_nan=False)


def known(**values: Any) -> dict[str, Any]:
    """Return ``values`` without those that are ``MISSING``."""
    return {name: value for name, value in values.items() if value is not MISSING}


def event_head(event: Events) -> dict[str, Any]:
    """Return when and by whom an event was made, and what it is."""
    return {
        "id": event.pgh_id,
        "created_at": event.pgh_created_at,
        "txid": event.pgh_txid,
        "label": event.pgh_label,
        "operation": OPERATIONS.get(event.pgh_operation, event.pgh_operation),
        "context_id": event.pgh_context_id,
        "context": event.pgh_context,
    }


def event(event: Events) -> dict[str, Any]:
    """Return an event as the event table has it; ``data`` and ``diff`` are keyed by column."""
    return {
        **event_head(event),
        "model": event.pgh_obj_model,
        "object": event.pgh_obj_id,
        "references": event.pgh_refs,
        "data": hidden_document(event, event.pgh_data),
        "diff": hidden_document(event, event.pgh_diff),
    }


def field_diff(found: FieldDiff) -> dict[str, Any]:
    """Return what differs in one field; a side that knows nothing of the field is left out."""
    return known(
        field=found.name,
        verbose_name=found.verbose_name,
        column=found.column,
        old=found.old,
        new=found.new,
        old_text=found.old_text if found.old is not MISSING else MISSING,
        new_text=found.new_text if found.new is not MISSING else MISSING,
    )
