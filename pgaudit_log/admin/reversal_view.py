"""Going back: a preview of what would change, which only reads, and its confirmation, which writes it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.db import DatabaseError, models, router
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgaudit_log.admin import given_values, reversal_forms
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.given_values import ValueInput
from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.admin.plan_rows import PlanRows
from pgaudit_log.admin.previews import PreviewMaker
from pgaudit_log.admin.responses import Crumb, crumbs_of, not_written, refusal, screen
from pgaudit_log.admin.reversal_forms import Chosen
from pgaudit_log.admin.reversal_requests import (
    FormChoices,
    ReversalRequest,
    usual_choices,
)
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
from pgaudit_log.reversal import Plan
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.tables import own_columns, parents_of

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


@dataclass(frozen=True, kw_only=True)
class _Settled:
    """A plan that has only what the person may do, with the choices that make it so."""

    plan: Plan
    choices: FormChoices
    rows: PlanRows
    forbidden: frozenset[str]


class _Page:
    """One request for one thing to go back to."""

    def __init__(
        self, site: AdminSite, request: HttpRequest, access: AdminAccess, wanted: ReversalRequest
    ) -> None:
        self._site = site
        self._request = request
        self._access = access
        self._wanted = wanted
        self._links = AdminLinks(site)

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
        usual = self._settled(usual_choices(self._wanted, self._access))
        chosen = Chosen(choices=usual.choices, inputs=self._inputs(usual))
        return self._screen(usual, usual, chosen)

    def _post(self) -> HttpResponse:
        posted = self._request.POST
        usual = self._settled(usual_choices(self._wanted, self._access))
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
            settled = self._settled(chosen.choices, usual)
        except QueryError:
            if not chosen.choices.values:
                raise
            # One that its column has no room for, such as a number of 30 digits.
            notice = _("A value cannot be used.")
            return self._screen(usual, usual, chosen, notices=[notice], status=400)
        if "preview" in posted:
            return self._screen(usual, settled, chosen)
        if chosen.errors:
            return self._screen(usual, settled, chosen, notices=chosen.errors, status=400)
        if not settled.plan.is_applicable:
            notice = _("Something stands in the way. Nothing was changed.")
            return self._screen(usual, settled, chosen, notices=[notice], status=409)
        if not settled.plan.steps:
            notice = (
                _("Tick at least one field. Nothing was changed.")
                if self._wanted.is_by_field
                else _("There is nothing to do. Nothing was changed.")
            )
            return self._screen(usual, settled, chosen, notices=[notice], status=400)
        if not reversal_forms.was_shown(token, usual.plan, settled.plan, chosen.choices):
            notice = _("What you chose changes more than was shown. Look at it, and confirm again.")
            return self._screen(usual, settled, chosen, notices=[notice])
        return self._apply(usual, settled, chosen)

    def _apply(self, usual: _Settled, settled: _Settled, chosen: Chosen) -> HttpResponse:
        try:
            with _acting(self._request):
                applied = settled.plan.apply(
                    through=settings.ADMIN_REVERT_THROUGH, reason=chosen.reason or None
                )
        except StalePlanError:
            return self._changed(self._settled(usual_choices(self._wanted, self._access)))
        except DatabaseError:
            return not_written(self._site, self._request)
        except (PlanError, ContextError) as error:
            notice = self._refused(error, settled)
            return self._screen(usual, settled, chosen, notices=[notice], status=409)
        said = ngettext(
            "%(count)d object was changed.", "%(count)d objects were changed.", applied.rows
        )
        messages.success(self._request, said % {"count": applied.rows}, fail_silently=True)
        return HttpResponseRedirect(
            self._subject_url() or self._links.transaction_number(applied.txid) or self._back_url()
        )

    def _changed(self, usual: _Settled) -> HttpResponse:
        notice = _(
            "Something has changed since this was shown, or it was sent twice. Nothing was changed by"
            " this; here is how it is now."
        )
        chosen = Chosen(choices=usual.choices, inputs=self._inputs(usual))
        return self._screen(usual, usual, chosen, notices=[notice], status=409)

    def _refused(self, error: Exception, settled: _Settled) -> str:
        """Return why a plan was not carried out, to those who may see all values that this may tell."""
        message = _("It was refused. Nothing was changed.")
        if any(self._access.hidden_fields(row.model) or not row.is_seen for row in settled.rows):
            return message
        cause: Any = error.__cause__
        if isinstance(cause, ValidationError):
            said = " ".join(cause.messages)
        elif isinstance(cause, DatabaseError):
            said = str(cause).partition("\n")[0]
        else:
            said = str(error)
        return f"{message} {safe(said)[:500]}"

    def _settled(self, choices: FormChoices, usual: _Settled | None = None) -> _Settled:
        """Return the plan under some choices, without what the person may not do.

        Raises:
            PermissionDenied: when nothing is left of it.
        """
        if usual is not None and choices == usual.choices:
            return usual
        before = [] if usual is None else [usual.plan]
        forbidden = frozenset[str]() if usual is None else usual.forbidden
        # Each time a row more is left out, others may come in its place.
        for _attempt in range(5):
            with pages.bounded(str(router.db_for_write(Events))):
                plan = self._wanted.plan(choices)
                rows = PlanRows([plan, *before], self._access, by_field=self._wanted.is_by_field)
            more = rows.forbidden_in(plan)
            if not more:
                if forbidden and not (plan.steps or plan.obstacles):
                    raise PermissionDenied
                return _Settled(plan=plan, choices=choices, rows=rows, forbidden=forbidden)
            if self._wanted.is_by_field:
                break
            forbidden |= more
            choices = replace(choices, leave_out=choices.leave_out | more)
        raise PermissionDenied

    def _inputs(self, usual: _Settled) -> dict[str, ValueInput]:
        if self._wanted.is_by_field:
            return {}
        return given_values.inputs_of(usual.plan, usual.rows, self._access)

    def _hidden(self) -> frozenset[str]:
        subject = self._wanted.subject
        return frozenset() if subject is None else self._access.hidden_fields(subject.model)

    def _screen(
        self,
        usual: _Settled,
        settled: _Settled,
        chosen: Chosen,
        *,
        notices: Sequence[str] = (),
        status: int = 200,
    ) -> HttpResponse:
        rows = settled.rows
        maker = PreviewMaker(self._wanted, self._access, settled.plan.using, rows)
        preview = maker.preview(
            usual.plan, settled.plan, chosen.choices, forbidden=len(settled.forbidden)
        )
        subject, wanted = self._wanted.subject, self._wanted
        obstacles = (*usual.plan.obstacles, *usual.plan.left_alone)
        return screen(
            self._site,
            self._request,
            "reversal",
            status=status,
            title=self._title(rows, maker),
            opts=subject.model._meta if subject is not None else Events._meta,
            crumbs=self._crumbs(),
            preview=preview,
            notices=notices,
            token=reversal_forms.token_of(usual.plan, settled.plan),
            inputs=list(chosen.inputs.values()),
            reason=chosen.reason,
            reason_is_needed=settings.ADMIN_REASON,
            most_characters=reversal_forms.MOST_CHARACTERS,
            by_field=wanted.is_by_field,
            by_row=not wanted.is_by_field and len(preview.rows) > 1,
            left_out=chosen.choices.leave_out,
            is_forced=chosen.choices.on_conflict == "force",
            can_be_forced=wanted.mode != "restore"
            and (
                reversal_forms.rows_in_the_way(usual.plan)
                if wanted.is_by_field
                else any(o.kind in reversal_forms.OVERWRITTEN for o in obstacles)
            ),
            has_gone_columns=not wanted.is_by_field
            and any(o.kind.value == "column gone" for o in obstacles),
            ignores_missing=chosen.choices.ignore_missing,
            is_nothing=not preview.rows,
            untracked=self._untracked(),
            mode=wanted.mode,
            parts_url=self._parts_url(),
            with_parts=wanted.parts,
            back_url=self._back_url(),
        )

    def _untracked(self) -> list[str]:
        """Return which fields of an object that goes back to a state are in no event."""
        subject = self._wanted.subject
        if subject is None or self._wanted.mode != "revert" or subject.obj is None:
            return []
        found = []
        for table in (subject.model, *parents_of(subject.model)):
            histories = recorded_past.histories_of(table)
            tracked = {field for history in histories for field in history.tracked}
            hidden = self._access.hidden_fields(table)
            found += [
                str(field.verbose_name)
                for field in own_columns(table)
                if field not in tracked and field.name not in hidden
            ]
        return found

    def _title(self, rows: PlanRows, maker: PreviewMaker) -> str:
        wanted = self._wanted
        if wanted.subject is None:
            if wanted.txid is not None:
                return _("Undo transaction %(txid)d") % {"txid": wanted.txid}
            return _("Undo all of context %(id)s") % {"id": wanted.context_id}
        name = wanted.subject.text
        own = rows.by_place.get((wanted.subject.model._meta.label, wanted.subject.key))
        if own is not None:
            name = rows.text(own, maker.entries)
        texts = {
            "revert": _("Revert %(object)s to event %(id)d"),
            "undo": _("Undo event %(id)d of %(object)s"),
            "restore": _("Restore %(object)s"),
        }
        return texts[wanted.mode] % {"object": name, "id": wanted.event.pgh_id}

    def _crumbs(self) -> list[Crumb]:
        subject = self._wanted.subject
        if subject is None:
            return []
        return crumbs_of(self._access, subject.model, self._subject_url())

    def _subject_url(self) -> str:
        subject = self._wanted.subject
        return "" if subject is None else self._links.timeline(subject.model, subject.key)

    def _back_url(self) -> str:
        if self._wanted.txid is not None:
            return self._links.transaction_number(self._wanted.txid)
        if self._wanted.context_id is not None:
            return self._links.context(self._wanted.context_id)
        return self._subject_url()

    def _parts_url(self) -> str:
        """Return where the parts of the object go back with it, or where they do not."""
        wanted = self._wanted
        if wanted.mode != "revert" or wanted.subject is None or not follows(wanted.subject.model):
            return ""
        url = self._links.reversal(self._subject_url(), "revert", wanted.event.pgh_id)
        return url if wanted.parts else f"{url}&parts=1"


def _acting(request: HttpRequest) -> Any:
    """Return a block that says who does it, where no middleware does."""
    running = current()
    if running is not None and (running.late is not None or "user" in running.metadata):
        return nullcontext()
    user: Any = request.user
    name = request_actors.name_of(user)
    return context(user=user.pk, **({} if name is None else {"user_name": name}))
