"""Going back: a preview of what would change, which only reads, and its confirmation, which writes it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.db import DatabaseError, models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgaudit_log.admin import given_values, reversal_forms
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.given_values import ValueInput
from pgaudit_log.admin.permitted_plans import PermittedPlan, permitted_plan
from pgaudit_log.admin.responses import not_written, refusal
from pgaudit_log.admin.reversal_forms import Chosen
from pgaudit_log.admin.reversal_requests import ReversalRequest, usual_choices
from pgaudit_log.admin.reversal_screen import ReversalScreen
from pgaudit_log.conf import settings
from pgaudit_log.constants import DELETE
from pgaudit_log.contexts import request_actors
from pgaudit_log.contexts.stack import context, current
from pgaudit_log.declaring.parts import follows
from pgaudit_log.diffs.display import safe
from pgaudit_log.exceptions import (
    ContextError,
    PgauditLogError,
    PlanError,
    QueryError,
    StalePlanError,
)
from pgaudit_log.models import Events
from pgaudit_log.presentation import pages
from pgaudit_log.presentation.access import UNDONE_BY, Action
from pgaudit_log.presentation.links import Mode
from pgaudit_log.presentation.subjects import subject_of
from pgaudit_log.values.tables import parents_of

MOST_EVENTS = 500
"""How many events a transaction may have that is taken back here; of more, a preview is none."""


def object_reversal(
    site: AdminSite, request: HttpRequest, model: type[models.Model], text: str, mode: Mode
) -> HttpResponse:
    """Return the preview of what an object goes back to by one of its events, or confirm it.

    Raises:
        PermissionDenied: when the person may not do that.
        Http404: when there is no such object, or no such event.
    """
    access = AdminAccess(request, site)
    if not access.may_revert:
        raise PermissionDenied
    subject = subject_of(access, model, text)
    id = pages.number_of(request.GET.get("event"))
    event = None if id is None else Events.objects.filter(pk=id).first()
    if event is None:
        raise Http404(_("There is no such event."))
    wanted = ReversalRequest(
        mode=mode,
        subject=subject,
        event=event,
        parts=mode == "revert" and request.GET.get("parts") == "1" and bool(follows(subject.model)),
    )
    tables = (subject.model, *parents_of(subject.model))
    is_own = event.pgh_obj_id == subject.key and event.pgh_model in tables
    if mode != "revert" and not is_own:
        return refusal(site, request, _("This is no event of this object."), status=400)
    if not access.may_write(_needed(wanted), subject.model, subject.obj):
        raise PermissionDenied
    if mode == "restore" and _count(Events.objects.in_transaction(event.pgh_txid)) > MOST_EVENTS:
        return _too_many(site, request)
    return _Page(site, request, access, wanted).response()


def transaction_undo(site: AdminSite, request: HttpRequest, txid: int) -> HttpResponse:
    """Return the preview of taking a whole transaction back, or confirm it.

    Raises:
        PermissionDenied: when the person may not revert.
        Http404: when the trail has no such transaction.
    """
    events = Events.objects.none()
    if txid < 2**63:
        events = Events.objects.in_transaction(txid)
    return _undo_all(site, request, events, ReversalRequest(mode="undo", txid=txid))


def context_undo(site: AdminSite, request: HttpRequest, id: UUID) -> HttpResponse:
    """Return the preview of taking all back that was done in a context, or confirm it.

    Raises:
        PermissionDenied: when the person may not revert.
        Http404: when the trail has no such context.
    """
    wanted = ReversalRequest(mode="undo", context_id=id)
    return _undo_all(site, request, Events.objects.in_context(id), wanted)


def _undo_all(
    site: AdminSite, request: HttpRequest, events: Any, wanted: ReversalRequest
) -> HttpResponse:
    access = AdminAccess(request, site)
    if not access.may_revert:
        raise PermissionDenied
    try:
        with pages.bounded(str(events.db)):
            count = _count(events)
    except pages.TookTooLongError:
        return refusal(site, request, pages.too_long(), status=503)
    if count == 0:
        raise Http404(_("The trail has no such events."))
    if count > MOST_EVENTS:
        return _too_many(site, request)
    return _Page(site, request, access, wanted).response()


def _count(events: Any) -> int:
    """Return how many events there are, or one more than a preview can have."""
    return len(events.order_by().values_list("pgh_id")[: MOST_EVENTS + 1])


def _too_many(site: AdminSite, request: HttpRequest) -> HttpResponse:
    message = _(
        "This transaction has more than %(count)d events, too many to look through here. The command"
        " “pgaudit_log undo” takes it back."
    )
    return refusal(site, request, message % {"count": MOST_EVENTS}, status=400)


def _needed(wanted: ReversalRequest) -> Action:
    assert wanted.subject is not None
    if wanted.mode == "undo":
        return UNDONE_BY.get(wanted.event.pgh_operation, "change")
    if wanted.mode == "restore" or wanted.subject.obj is None:
        return "add"
    return "delete" if wanted.event.pgh_operation == DELETE else "change"


class _Page:
    """One request for one thing to go back to."""

    def __init__(
        self, site: AdminSite, request: HttpRequest, access: AdminAccess, wanted: ReversalRequest
    ) -> None:
        self._site = site
        self._request = request
        self._access = access
        self._wanted = wanted
        self._screen = ReversalScreen(site, request, access, wanted)

    def response(self) -> HttpResponse:
        """Return the preview, or what became of its confirmation."""
        try:
            return self._post() if self._request.method == "POST" else self._get()
        except pages.TookTooLongError:
            return refusal(self._site, self._request, pages.too_long(), status=503)
        except BadRequest:
            message = _("The form has something that the preview does not have. Open it again.")
            return refusal(self._site, self._request, message, status=400)
        except PlanError:
            raise
        except PgauditLogError as error:
            message = _("This cannot be taken back.")
            # It may name objects, and values.
            detail = f" {safe(error)[:1000]}" if self._access.is_superuser else ""
            return refusal(self._site, self._request, f"{message}{detail}", status=400)

    def _get(self) -> HttpResponse:
        usual = self._usual()
        chosen = Chosen(choices=usual.choices, inputs=self._inputs(usual))
        return self._screen.show(usual, usual, chosen)

    def _post(self) -> HttpResponse:
        posted = self._request.POST
        usual = self._usual()
        token = posted.get("fingerprint", "")
        if not reversal_forms.is_as_seen(token, usual.plan):
            return self._changed(usual)
        chosen = reversal_forms.chosen_of(
            posted,
            self._wanted,
            usual.plan,
            usual.choices,
            self._inputs(usual),
            hidden=self._hidden(),
        )
        try:
            permitted = permitted_plan(self._wanted, self._access, chosen.choices, usual)
        except QueryError:
            if not chosen.choices.values:
                raise
            # One that its column has no room for, such as a number of 30 digits.
            notice = _("A value cannot be used.")
            return self._screen.show(usual, usual, chosen, notices=[notice], status=400)
        if "preview" in posted:
            return self._screen.show(usual, permitted, chosen)
        if chosen.errors:
            return self._screen.show(usual, permitted, chosen, notices=chosen.errors, status=400)
        if not permitted.plan.is_applicable:
            notice = _("Something stands in the way. Nothing was changed.")
            return self._screen.show(usual, permitted, chosen, notices=[notice], status=409)
        if not permitted.plan.steps:
            notice = (
                _("Tick at least one field. Nothing was changed.")
                if self._wanted.is_by_field
                else _("There is nothing to do. Nothing was changed.")
            )
            return self._screen.show(usual, permitted, chosen, notices=[notice], status=400)
        if not reversal_forms.was_shown(token, usual.plan, permitted.plan, chosen.choices):
            notice = _("What you chose changes more than was shown. Look at it, and confirm again.")
            return self._screen.show(usual, permitted, chosen, notices=[notice])
        return self._apply(usual, permitted, chosen)

    def _apply(
        self, usual: PermittedPlan, permitted: PermittedPlan, chosen: Chosen
    ) -> HttpResponse:
        try:
            with _acting(self._request):
                applied = permitted.plan.apply(
                    through=settings.ADMIN_REVERT_THROUGH, reason=chosen.reason or None
                )
        except StalePlanError:
            return self._changed(self._usual())
        except DatabaseError:
            return not_written(self._site, self._request)
        except (PlanError, ContextError) as error:
            notice = self._refused(error, permitted)
            return self._screen.show(usual, permitted, chosen, notices=[notice], status=409)
        said = ngettext(
            "%(count)d object was changed.", "%(count)d objects were changed.", applied.rows
        )
        messages.success(self._request, said % {"count": applied.rows}, fail_silently=True)
        return HttpResponseRedirect(self._screen.url_after(applied.txid))

    def _changed(self, usual: PermittedPlan) -> HttpResponse:
        notice = _(
            "Something has changed since this was shown, or it was sent twice. Nothing was changed by"
            " this; here is how it is now."
        )
        chosen = Chosen(choices=usual.choices, inputs=self._inputs(usual))
        return self._screen.show(usual, usual, chosen, notices=[notice], status=409)

    def _refused(self, error: Exception, permitted: PermittedPlan) -> str:
        """Return why a plan was not carried out, to those who may see all values that this may tell."""
        message = _("It was refused. Nothing was changed.")
        if any(self._access.hidden_fields(row.model) or not row.is_seen for row in permitted.rows):
            return message
        cause: Any = error.__cause__
        if isinstance(cause, ValidationError):
            said = " ".join(cause.messages)
        elif isinstance(cause, DatabaseError):
            said = str(cause).partition("\n")[0]
        else:
            said = str(error)
        return f"{message} {safe(said)[:500]}"

    def _usual(self) -> PermittedPlan:
        """Return the plan that can be chosen from."""
        choices = usual_choices(self._wanted, self._access)
        return permitted_plan(self._wanted, self._access, choices)

    def _inputs(self, usual: PermittedPlan) -> dict[str, ValueInput]:
        if self._wanted.is_by_field:
            return {}
        return given_values.inputs_of(usual.plan, usual.rows, self._access)

    def _hidden(self) -> frozenset[str]:
        subject = self._wanted.subject
        return frozenset() if subject is None else self._access.hidden_fields(subject.model)


def _acting(request: HttpRequest) -> Any:
    """Return a block that says who does it, where no middleware does."""
    running = current()
    if running is not None and (running.late is not None or "user" in running.metadata):
        return nullcontext()
    user: Any = request.user
    name = request_actors.name_of(user)
    return context(user=user.pk, **({} if name is None else {"user_name": name}))
