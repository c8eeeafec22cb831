"""The django-pgtrigger trigger of one tracker."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache

import pgtrigger
from django.db import models
from pgtrigger.core import Condition

from pgaudit_log.capture_v1.compiled import CompiledTrigger
from pgaudit_log.capture_v1.data import CaptureData
from pgaudit_log.capture_v1.pgids import pgid_of
from pgaudit_log.constants import OLD
from pgaudit_log.declaring.conditions import Change
from pgaudit_log.declaring.declarations import tracked_columns
from pgaudit_log.declaring.masks import masks_of_names
from pgaudit_log.declaring.trackers import RowEvent
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.triggers.captured_tables import captured_table
from pgaudit_log.triggers.changes import changes_of
from pgaudit_log.triggers.free_conditions import free_condition
from pgaudit_log.values.row_sql import Columns

MAX_NAME_LENGTH = 47
"""django-pgtrigger's limit."""

NAME_PREFIX = "audit_"
"""What trigger names start with, so that they can stand beside those of other packages."""


@cache
def trigger_name(label: str) -> str:
    """Return the name of the trigger of the tracker ``label``: letters, digits and underscores.

    A label that has anything else in it, or is too long, has a hash of itself at the end.
    """
    slug = re.sub(r"[^0-9a-zA-Z]+", "_", label).lower()
    if slug == label and len(NAME_PREFIX + slug) <= MAX_NAME_LENGTH:
        return NAME_PREFIX + slug
    suffix = "_" + hashlib.sha1(label.encode(), usedforsecurity=False).hexdigest()[:6]
    return (NAME_PREFIX + slug)[: MAX_NAME_LENGTH - len(suffix)] + suffix


class CaptureTrigger(pgtrigger.Composer):
    """The trigger that writes the events of one tracker.

    It is compiled for a model, or for what a model was at a migration. Migrations hold what it
    was compiled to, never this class.

    Args:
        tracker: what is captured.
        fields: the names of the tracked fields; ``None`` for all.
        exclude: the names of those that are not.
        level: whether it fires once a statement or once a row.
        created_at: the SQL of the time of an event.
        large: the names of fields whose values an event may refer to instead of having them.
        mask: the names of fields whose values events do not have.
        mask_hash: those of fields of which they have a keyed hash.
        mask_context: the paths in contexts of what they do not have.
        period: how long a partition is; an event refers to one in its own.
        in_migrations: whether migrations of the model's app have it.
    """

    when = pgtrigger.After

    def __init__(
        self,
        *,
        tracker: RowEvent,
        fields: tuple[str, ...] | None,
        exclude: tuple[str, ...],
        level: pgtrigger.Level,
        created_at: str,
        large: tuple[str, ...] = (),
        mask: tuple[str, ...] = (),
        mask_hash: tuple[str, ...] = (),
        mask_context: tuple[str, ...] = (),
        period: str = "month",
        in_migrations: bool = True,
    ) -> None:
        self.tracker = tracker
        self.in_migrations = in_migrations
        self.tracked_fields = fields
        self.tracked_exclude = exclude
        self.tracked_large = large
        self.tracked_mask = mask
        self.tracked_mask_hash = mask_hash
        self.masked_context = mask_context
        self.period = period
        self.created_at = created_at
        super().__init__(
            name=tracker.trigger_name or trigger_name(tracker.label),
            operation=tracker.operation,
            level=pgtrigger.Statement if tracker.operation_name == "TRUNCATE" else level,
            condition=tracker.condition,
        )

    @property
    def is_statement_level(self) -> bool:
        """Whether it fires once a statement; levels of django-pgtrigger are equal by identity only."""
        return str(self.level) == "STATEMENT"

    @property
    def _condition(self) -> Condition | None:
        """The tracker's condition, which the tracker has resolved when it was made."""
        condition = self.tracker.condition
        assert condition is None or isinstance(condition, Condition)
        return condition

    def get_pgid(self, model: type[models.Model]) -> str:  # type: ignore[override]
        """Return what the database calls it on a model, and its function there."""
        return pgid_of(model._meta.label, str(self.name))

    def _columns(self, model: type[models.Model]) -> list[models.Field[object, object]]:
        """Return the tracked columns of a model."""
        columns = tracked_columns(model, self.tracked_fields, self.tracked_exclude)
        if not columns:
            raise DeclarationError(
                f"{model._meta.label} has no column left to track for"
                f' "{self.tracker.label}". Name one in fields=, or exclude fewer.'
            )
        return columns

    def compile(self, model: type[models.Model]) -> CompiledTrigger:  # type: ignore[override]
        """Return what a migration holds, which knows the SQL that is made of it."""
        columns = self._columns(model)
        table = captured_table(
            model,
            columns,
            large=self.tracked_large,
            masks=masks_of_names(model, self.tracked_mask, self.tracked_mask_hash),
            masked_context=self.masked_context,
            created_at=self.created_at,
            period=self.period,
        )
        return CompiledTrigger(table, self._data(model, columns))

    def _data(self, model: type[models.Model], columns: Columns) -> CaptureData:
        """Return what the trigger has for itself."""
        condition = self._condition
        changes = sql = None
        arguments: Sequence[str] = ()
        if isinstance(condition, Change):
            changes = changes_of(condition, model, columns)
        elif condition is not None and self.is_statement_level:
            sql, arguments = free_condition(condition, model, self.tracker.label)
        elif condition is not None:
            sql = str(condition.resolve(model))  # type: ignore[no-untyped-call]
        return CaptureData(
            name=str(self.name),
            pgid=self.get_pgid(model),
            label=self.tracker.label,
            operation=self.tracker.operation_name,
            level=str(self.level),
            row=OLD if self.tracker.operation_name == "UPDATE" and self.tracker.row == OLD else "",
            changes=changes,
            condition=sql,
            condition_columns=tuple(arguments),
        )
