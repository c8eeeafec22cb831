"""The self-check of time travel: whether queries of the past read the event table with this Django."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from django.apps import apps
from django.db import models, router
from django.utils import timezone

from pgaudit_log import timetravel
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.declaring import model_labels
from pgaudit_log.values import tables


def failures(using: str) -> list[str]:
    """Return which queries of the past would read today's rows in a database, or cannot be compiled.

    They are only compiled, nothing is read of tables: rows, a subquery and a block, of one tracked
    model, and a join to a tracked table.
    """
    here = [m for m in model_labels.tracked_models() if router.allow_migrate_model(using, m)]
    if not here:
        return []
    now = timezone.now()
    model = here[0]
    rows: models.QuerySet[Any, Any] = models.QuerySet(model, using=using)
    probes = [
        (f"{model.__name__}.objects.as_of(…)", rows, False),
        (f"a subquery in {model.__name__}.objects.as_of(…)", rows.filter(pk__in=rows), False),
        (f"{model.__name__}.objects.all() in a block of as_of()", rows, True),
    ]
    for source, field in _foreign_keys(here, using):
        joined: models.QuerySet[Any, Any] = models.QuerySet(source, using=using)
        what = f"{source.__name__}.objects.select_related({field.name!r}) in a block of as_of()"
        probes.append((what, joined.select_related(field.name), True))
    found = []
    for what, queryset, is_block in probes:
        try:
            with timetravel.as_of(now) if is_block else nullcontext():
                sql = _compiled(queryset.all() if is_block else timetravel.query(queryset, now))
        except Exception as error:
            # Whatever it is: a new version may raise anything. What Django cannot compile as of today
            # either, such as a join on a column with a percent sign, is none of ours.
            if _can_be_compiled(queryset):
                found.append(f"{what} ({type(error).__name__}: {error})")
        else:
            if EVENT_TABLE not in sql or _reads(sql, here):
                found.append(what)
    return found


def _compiled(queryset: models.QuerySet[Any, Any]) -> str:
    """Return the SQL of a queryset, made as Django makes it when it is iterated."""
    sql, _ = queryset.query.get_compiler(using=queryset.db).as_sql()
    return str(sql)


def _can_be_compiled(queryset: models.QuerySet[Any, Any]) -> bool:
    """Return whether Django makes SQL of a queryset as of today."""
    try:
        _compiled(queryset.all())
    except Exception:
        return False
    return True


def _reads(sql: str, tracked: list[type[models.Model]]) -> bool:
    """Return whether SQL of Django's has the table of a tracked model as it is today."""
    names = "|".join(re.escape(model._meta.db_table.strip('"')) for model in tracked)
    return re.search(rf'\b(?:FROM|JOIN) "(?:{names})"', sql) is not None


def _foreign_keys(
    tracked: list[type[models.Model]], using: str
) -> Iterator[tuple[type[models.Model], models.ForeignKey[Any, Any]]]:
    """Yield the first foreign key to a tracked model, with its model, if there is one."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if (
                isinstance(field, models.ForeignKey)
                and model._meta.managed
                and not model._meta.proxy
                and tables.concrete(field.related_model) in tracked
                and router.allow_migrate_model(using, model)
            ):
                yield model, field
                return
