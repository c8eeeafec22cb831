"""Reversal forms: what a person has chosen below a preview, and the fingerprint of what they saw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgaudit_log.admin import given_values
from pgaudit_log.admin.given_values import ValueInput
from pgaudit_log.admin.plan_rows import steps_of
from pgaudit_log.admin.reversal_requests import FormChoices, ReversalRequest, later_changes
from pgaudit_log.conf import settings
from pgaudit_log.reversal import Kind, Plan

MOST_CHARACTERS = 500
"""How long a reason may be."""

OVERWRITTEN = frozenset({Kind.CHANGED_LATER, Kind.EXISTS})
"""What stands in the way of a whole row, and can be overwritten."""


class ReasonForm(forms.Form):
    """Asks why."""

    reason = forms.CharField(
        max_length=MOST_CHARACTERS, required=False, label=gettext_lazy("Reason")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = settings.ADMIN_REASON


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a form says."""

    choices: FormChoices
    inputs: Mapping[str, ValueInput]
    reason: str = ""
    errors: tuple[str, ...] = ()


def rows_in_the_way(plan: Plan) -> bool:
    """Return whether whole rows stand in the way that could be overwritten."""
    return any(
        obstacle.kind in OVERWRITTEN and obstacle.field is None
        for obstacle in (*plan.obstacles, *plan.left_alone)
    )


def chosen_of(
    posted: QueryDict,
    wanted: ReversalRequest,
    usual: Plan,
    choices: FormChoices,
    inputs: Mapping[str, ValueInput],
    *,
    hidden: frozenset[str] = frozenset(),
) -> Chosen:
    """Return what a form says of a preview.

    Args:
        posted: what was sent.
        wanted: what it is about.
        usual: the plan that can be chosen from.
        choices: those that this has.
        inputs: those for values that are wanted.
        hidden: the fields that the person may not see.

    Raises:
        BadRequest: for what the preview does not have.
    """
    says_force = posted.get("on_conflict") == "force"
    chosen = replace(choices, ignore_missing="ignore_missing" in posted)
    if wanted.is_by_field:
        changed = {change.field for step in usual.steps for change in step.changes}
        later = later_changes(usual)
        ticked = _known(posted.getlist("field"), (changed | later) - hidden)
        is_forced = bool(ticked & later) and not rows_in_the_way(usual)
        chosen = replace(
            chosen,
            fields=tuple(sorted(ticked)),
            ticked=ticked,
            on_conflict="force" if is_forced or says_force else "abort",
        )
    else:
        rows = {f"{step.label} {step.key}" for step in steps_of(usual)}
        told = {f"{o.model} {o.key}" for o in (*usual.obstacles, *usual.left_alone)}
        ticked = _known(posted.getlist("row"), rows)
        left = _known(posted.getlist("leave_out"), rows | told)
        # A preview of one object has nothing to tick.
        unticked = rows - ticked if "by_row" in posted else frozenset()
        chosen = replace(
            chosen,
            leave_out=choices.leave_out | unticked | left,
            on_conflict="force" if says_force else choices.on_conflict,
        )
    filled, values = given_values.read(inputs, posted)
    form = ReasonForm(posted)
    form.is_valid()
    errors = [*form.errors.get("reason", ())]
    if any(one.error for one in filled.values()):
        errors.append(_("A value cannot be used."))
    return Chosen(
        choices=replace(chosen, values=values),
        inputs=filled,
        reason=form.cleaned_data.get("reason", ""),
        errors=tuple(map(str, errors)),
    )


def _known(given: list[str], known: set[str]) -> frozenset[str]:
    """Return what was ticked.

    Raises:
        BadRequest: for what could not be.
    """
    if not set(given) <= known:
        raise BadRequest
    return frozenset(given)


def fingerprint(plan: Plan) -> str:
    """Return a digest of what a plan would do, and of the rows as they are.

    It is made with the secret of the project, so that nobody can try what it is of. What a row that comes
    back gets by default may be another each time.
    """
    told = [
        [
            (s.label, s.key, s.action, s.fingerprint)
            + (() if s.action == "insert" else (sorted(s.state.items()),))
            for s in plan.steps
        ],
        [
            (o.kind.value, o.model, o.key, o.field, o.message, o.values)
            for o in (*plan.obstacles, *plan.left_alone)
        ],
        [plan.action, plan.subject, plan.using],
    ]
    return salted_hmac(
        "pgaudit_log.admin.reversal", json.dumps(told), algorithm="sha256"
    ).hexdigest()


def token_of(usual: Plan, plan: Plan) -> str:
    """Return what a form sends back to say what the person saw."""
    return f"{fingerprint(usual)}:{fingerprint(plan)}"


def is_as_seen(token: str, usual: Plan) -> bool:
    """Return whether all is as it was when a preview was shown."""
    return constant_time_compare(token.partition(":")[0], fingerprint(usual))


def was_shown(token: str, usual: Plan, plan: Plan, choices: FormChoices) -> bool:
    """Return whether a person has seen all that a plan would change, or has said it themselves.

    What was unticked only takes away from what was shown. To overwrite what stands in the way, and what
    is left out for other reasons than theirs, may be more.
    """
    if constant_time_compare(token.partition(":")[2], fingerprint(plan)):
        return True
    shown = {
        (step.label, step.key, step.action, change.field)
        for step in usual.steps
        for change in step.changes
    }
    shown |= {
        (o.model, o.key, "update", o.field or "")
        for o in (*usual.obstacles, *usual.left_alone)
        if o.values is not None
    }
    changes = {
        (step.label, step.key, step.action, change.field)
        for step in plan.steps
        for change in step.changes
    }
    return not choices.values and changes <= shown
