"""The django-pgtrigger trigger of one tracker."""

from __future__ import annotations

import hashlib
import re

import pgtrigger
from django.db import models
from pgtrigger import compiler
from pgtrigger.core import Condition

from pgaudit_log.declaring.declarations import tracked_columns
from pgaudit_log.declaring.trackers import RowEvent
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.triggers.body import capture_sql
from pgaudit_log.triggers.capture_template import (
    CaptureTriggerSql,
    CompiledTrigger,
    condition_function,
)
from pgaudit_log.triggers.condition_sql import condition_sql
from pgaudit_log.triggers.free_conditions import FreeCondition, free_condition, is_free
from pgaudit_log.triggers.pins import needed_pins
from pgaudit_log.triggers.references import targets
from pgaudit_log.values.tables import column_of

MAX_NAME_LENGTH = 47
"""django-pgtrigger's limit, which leaves room for its prefix and hash in PostgreSQL's 63 bytes."""

NAME_PREFIX = "audit_"
"""What trigger names start with, so that they can stand beside those of other packages."""


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
        period: str = "month",
        in_migrations: bool = True,
    ) -> None:
        self.tracker = tracker
        self.in_migrations = in_migrations
        self.tracked_fields = fields
        self.tracked_exclude = exclude
        self.tracked_large = large
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

    def _columns(self, model: type[models.Model]) -> list[models.Field[object, object]]:
        """Return the tracked columns of a model."""
        columns = tracked_columns(model, self.tracked_fields, self.tracked_exclude)
        if not columns:
            raise DeclarationError(
                f"{model._meta.label} has no column left to track for"
                f' "{self.tracker.label}". Name one in fields=, or exclude fewer.'
            )
        return columns

    def _large(self, model: type[models.Model]) -> list[models.Field[object, object]]:
        """Return those of the tracked columns whose values may be large."""
        if self.tracker.operation_name == "TRUNCATE":
            return []
        return [field for field in self._columns(model) if field.name in self.tracked_large]

    def get_func(self, model: type[models.Model]) -> str:  # type: ignore[override]
        """Return the statements of the capture function."""
        return capture_sql(
            model=model,
            label=self.tracker.label,
            operation=self.tracker.operation_name,
            row=self.tracker.row,
            condition=self._condition,
            columns=self._columns(model),
            statement_level=self.is_statement_level,
            created_at=self.created_at,
            function=condition_function(self.get_pgid(model)),  # type: ignore[arg-type]
            large=self._large(model),
            period=self.period,
        )

    def render_func(self, model: type[models.Model]) -> str:  # type: ignore[override]
        """Return the function's statements; they have no placeholders to fill in."""
        return self.get_func(model)

    def render_condition(self, model: type[models.Model]) -> str:  # type: ignore[override]
        """Return the WHEN clause of a row-level trigger."""
        if self.is_statement_level:
            return ""
        sql = condition_sql(self._condition, model, self._columns(model))
        # A condition may end with a comment.
        return f"WHEN ({sql}\n    )" if sql else ""

    def compile(self, model: type[models.Model]) -> compiler.Trigger:  # type: ignore[override]
        """Return the SQL that a migration freezes."""
        columns = [] if self.tracker.operation_name == "TRUNCATE" else self._columns(model)
        free = self._free_condition(model)
        return CompiledTrigger(
            name=self.name,
            sql=CaptureTriggerSql(
                pgid=self.get_pgid(model),  # type: ignore[arg-type]
                func=self.render_func(model),
                table=model._meta.db_table,
                when=self.when,
                operation=self.operation,
                referencing=self.referencing or "",
                level=self.level,
                condition=self.render_condition(model),
                pins=needed_pins(model, self._condition, columns),
                targets=targets(model),
                large=[column_of(field) for field in self._large(model)],
                when_condition=free.expression if free else "",
                when_columns=free.arguments if free else (),
            ),
        )

    def _free_condition(self, model: type[models.Model]) -> FreeCondition | None:
        """Return the condition that becomes a function, if there is one.

        At row level the trigger's WHEN clause has it.
        """
        if self._condition is None or not is_free(self._condition) or not self.is_statement_level:
            return None
        return free_condition(self._condition, model, self.tracker.label)
