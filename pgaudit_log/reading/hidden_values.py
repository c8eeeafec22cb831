"""Hidden values: values of events without those of columns that are masked now, whenever they were stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from pgaudit_log.constants import ERASED_KEY, MASKED_KEY
from pgaudit_log.declaring import former_names
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.values import row_json


def hidden_texts(model: type[models.Model], values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a snapshot, as JSON text by column of today."""
    masks = masks_of(model)
    return {
        column: row_json.hidden(text) if column in masks else text
        for column, text in values.items()
    }


def hidden_changes(model: type[models.Model], changes: Mapping[str, str]) -> dict[str, str]:
    """Return the pairs of a diff, as JSON text by column of today."""
    masks = masks_of(model)
    return {
        column: f"[{', '.join(map(row_json.hidden, row_json.split_array(text)))}]"
        if column in masks
        else text
        for column, text in changes.items()
    }


def hidden_document(event: Any, document: Any) -> Any:
    """Return a snapshot or a diff of an event of the trail, as Python has it, with its own keys."""
    model = event.pgh_model if document else None
    if model is None or not document or not masks_of(model):
        return document
    if not isinstance(document, Mapping):
        # Whoever wrote that, it does not say of which columns its values are.
        return None
    using = str(event._state.db)
    keys = former_names.today(model, {key: key for key in document}, event.pgh_shape, using)
    masked = {key for column, key in keys.items() if column in masks_of(model)}
    is_diff = document is event.pgh_diff
    return {
        key: value
        if key not in masked
        else [_hidden(side) for side in value]
        if is_diff
        else _hidden(value)
        for key, value in document.items()
    }


def _hidden(value: object) -> object:
    is_mark = isinstance(value, Mapping) and value.keys() & {MASKED_KEY, ERASED_KEY}
    return value if is_mark else {MASKED_KEY: True}
