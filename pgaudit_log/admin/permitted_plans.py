"""Permitted plans: what a person wants taken back, without what they may not do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.core.exceptions import PermissionDenied
from django.db import router

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.plan_rows import PlanRows
from pgaudit_log.admin.reversal_requests import FormChoices, ReversalRequest
from pgaudit_log.models import Events
from pgaudit_log.presentation import pages
from pgaudit_log.reversal import Plan


@dataclass(frozen=True, kw_only=True)
class PermittedPlan:
    """A plan that has only what the person may do, with the choices that make it so."""

    plan: Plan
    choices: FormChoices
    rows: PlanRows
    forbidden: frozenset[str]
    """The rows that were left out for that."""


def permitted_plan(
    wanted: ReversalRequest,
    access: AdminAccess,
    choices: FormChoices,
    usual: PermittedPlan | None = None,
) -> PermittedPlan:
    """Return the plan under some choices, without what the person may not do.

    Args:
        wanted: what is to be taken back.
        access: what the person may do.
        choices: those of a form.
        usual: the plan that these were chosen from, if they were.

    Raises:
        PermissionDenied: when nothing is left of it.
        TookTooLongError: when it could not be made in time.
    """
    if usual is not None and choices == usual.choices:
        return usual
    before = [] if usual is None else [usual.plan]
    forbidden = frozenset[str]() if usual is None else usual.forbidden
    # Each time a row more is left out, others may come in its place.
    for _attempt in range(5):
        with pages.bounded(str(router.db_for_write(Events))):
            plan = wanted.plan(choices)
            rows = PlanRows([plan, *before], access, by_field=wanted.is_by_field)
        more = rows.forbidden_in(plan)
        if not more:
            if forbidden and not (plan.steps or plan.obstacles):
                raise PermissionDenied
            return PermittedPlan(plan=plan, choices=choices, rows=rows, forbidden=forbidden)
        if wanted.is_by_field:
            break
        forbidden |= more
        choices = replace(choices, leave_out=choices.leave_out | more)
    raise PermissionDenied
