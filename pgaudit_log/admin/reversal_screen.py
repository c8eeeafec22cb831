"""The screen of a reversal: its preview and form, with the title and the links around them."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from pgaudit_log.admin import reversal_forms
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.admin.permitted_plans import PermittedPlan
from pgaudit_log.admin.plan_rows import PlanRows
from pgaudit_log.admin.preview_maker import PreviewMaker
from pgaudit_log.admin.responses import Crumb, crumbs_of, screen
from pgaudit_log.admin.reversal_forms import Chosen
from pgaudit_log.admin.reversal_requests import ReversalRequest
from pgaudit_log.conf import settings
from pgaudit_log.declaring.parts import follows
from pgaudit_log.models import Events
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.tables import own_columns, parents_of


class ReversalScreen:
    """The screen of one request for one thing to go back to."""

    def __init__(
        self, site: AdminSite, request: HttpRequest, access: AdminAccess, wanted: ReversalRequest
    ) -> None:
        self._site = site
        self._request = request
        self._access = access
        self._wanted = wanted
        self._links = AdminLinks(site)

    def show(
        self,
        usual: PermittedPlan,
        permitted: PermittedPlan,
        chosen: Chosen,
        *,
        notices: Sequence[str] = (),
        status: int = 200,
    ) -> HttpResponse:
        """Return the screen.

        Args:
            usual: the plan that can be chosen from.
            permitted: the plan as it was chosen.
            chosen: what the form says.
            notices: what is said above it.
            status: of the response.
        """
        maker = PreviewMaker(self._wanted, self._access, permitted.plan.using, permitted.rows)
        preview = maker.preview(
            usual.plan, permitted.plan, chosen.choices, forbidden=len(permitted.forbidden)
        )
        subject, wanted = self._wanted.subject, self._wanted
        obstacles = (*usual.plan.obstacles, *usual.plan.left_alone)
        return screen(
            self._site,
            self._request,
            "reversal",
            status=status,
            title=self._title(permitted.rows, maker),
            opts=subject.model._meta if subject is not None else Events._meta,
            crumbs=self._crumbs(),
            preview=preview,
            notices=notices,
            token=reversal_forms.token_of(usual.plan, permitted.plan),
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

    def url_after(self, txid: int) -> str:
        """Return where one goes after a transaction has taken it back."""
        return self._subject_url() or self._links.transaction_number(txid) or self._back_url()

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
