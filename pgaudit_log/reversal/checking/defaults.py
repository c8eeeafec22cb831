"""Defaults: gives a row that is to be brought back what its events do not have."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError

from pgaudit_log.declaring.conditions import is_automatic
from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.diffs import current_rows
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reversal.checking.findings import Report
from pgaudit_log.reversal.obstacles import Kind
from pgaudit_log.reversal.options import Choices
from pgaudit_log.reversal.targets import Target
from pgaudit_log.values import tables
from pgaudit_log.values.keys import is_shortened, key_fields, read_part, split_key
from pgaudit_log.values.row_json import NULL
from pgaudit_log.values.tables import Field, column_of


class Completion:
    """Completes rows; a value that many rows get is rendered once."""

    def __init__(self, choices: Choices, using: str, report: Report) -> None:
        self.choices = choices
        self.using = using
        self.report = report
        self._rendered: dict[tuple[Any, Any], str] = {}

    def complete(self, target: Target, state: Mapping[str, str]) -> dict[str, str]:
        """Return ``state`` with a value for each column that needs one.

        In this order: what the caller gives, what the events have, the key, the field's
        default, NULL. A default of the database is left to it.
        """
        complete = dict(state)
        keys = key_fields(target.model)
        for own in tables.writable_columns(target.model):
            column = column_of(own)
            is_given, value = self.choices.value_of(own)
            if is_given:
                complete[column] = self._render(own, value)
            elif column in complete:
                continue
            elif own in keys and (target.whole_key or not is_shortened(target.key)):
                part = split_key(target.whole_key or target.key, keys)[list(keys).index(own)]
                complete[column] = self._render(own, read_part(part, own))
            elif _has_python_default(own):
                complete[column] = self._render(own, _python_default(own))
            elif own.null and not own.has_db_default():
                complete[column] = NULL
            elif not own.has_db_default() and not is_masked(own):  # that was told
                self.report(
                    Kind.REQUIRED,
                    target,
                    own.name,
                    f"{own.name} must have a value, but was not tracked or did not exist. Give one"
                    f" with values={{{own.name!r}: …}}.",
                )
        return complete

    def _render(self, own: Field, value: object) -> str:
        place = own, repr(value)
        if place not in self._rendered:
            try:
                self._rendered[place] = current_rows.state_of(own, value, self.using)
            except (TypeError, ValueError, ValidationError, DataError, IntegrityError) as error:
                raise QueryError(
                    f"{value!r} is no value of {own.model._meta.label}.{own.name}: {error}"
                ) from error
        return self._rendered[place]


def _has_python_default(own: Field) -> bool:
    return is_automatic(own) or own.has_default()


def _python_default(own: Field) -> Any:
    if is_automatic(own):
        # It only sets the attribute; an instance would run code of the model's own.
        return own.pre_save(SimpleNamespace(), add=True)  # type: ignore[arg-type]
    return own.get_default()
