"""Views for a project's own pages: the timeline of an object, without the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.mixins import AccessMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.decorators import method_decorator
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic.base import TemplateResponseMixin, View
from django.views.generic.detail import SingleObjectMixin

from pgaudit_log.presentation import looks, pages
from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.subjects import Subject, subject_for, subject_of
from pgaudit_log.presentation.timelines import timeline_of
from pgaudit_log.reading.objects import loaded
from pgaudit_log.values.keys import parse_key
from pgaudit_log.values.tables import concrete

if TYPE_CHECKING:
    _SingleObjectMixin = SingleObjectMixin[Any]
else:
    _SingleObjectMixin = SingleObjectMixin

__all__ = ["TimelineView"]


@method_decorator(never_cache, name="dispatch")
class TimelineView(AccessMixin, _SingleObjectMixin, TemplateResponseMixin, View):
    """What happened to an object: ``TimelineView.as_view(model=Order)``.

    The object is found as by a ``DetailView``: by ``model``, ``queryset`` or ``get_queryset()``, and ``pk``
    or ``slug`` of the address. Who may not see it is sent to log in, or is refused.
    """

    template_name = "pgaudit_log/timeline.html"
    access_class: type[Access] = Access
    """Says what the person who asks may see."""
    page_size: int = pages.PAGE_SIZE
    """How many events a page has."""
    show_deleted: bool = False
    """Whether also what is gone has its page, by its primary key: whatever the queryset is, which no
    longer has it."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return a page of the timeline.

        Raises:
            PermissionDenied: when a person who is logged in may not see it.
            Http404: when there is no such object.
        """
        access = self.get_access()
        try:
            if not (access.may_view_trail and access.may_view(self.get_queryset().model)):
                raise PermissionDenied
            subject = self.get_subject(access)
        except PermissionDenied:
            return self.handle_no_permission()
        looks.tell(request)
        self.object = subject.obj
        found = timeline_of(access, subject, request.GET, size=self.page_size)
        context = self.get_context_data(
            timeline=found,
            title=capfirst(found.title),
            timeline_url="?",
            facets=found.facets(""),
            **found.addresses(request.GET),
        )
        return self.render_to_response(context)

    def get_access(self) -> Access:
        """Return what the person who asks may see."""
        return self.access_class(self.request)

    def get_subject(self, access: Access) -> Subject:
        """Return the object that the page is about.

        Raises:
            PermissionDenied: when the person may not see it.
            Http404: when there is none.
        """
        try:
            subject = subject_for(access, self.get_object())
        except Http404:
            text = self.kwargs.get(self.pk_url_kwarg)
            if not self.show_deleted or text is None:
                raise
            subject = subject_of(access, self.get_queryset().model, str(text))
            if subject.obj is not None:
                # It is there, but not for this page.
                raise
        if subject is None:
            raise Http404(_("There is no such object."))
        return subject

    def get_object(self, queryset: Any = None) -> Any:
        """Return the object; by a key that is none, and by one that it cannot have, there is none.

        Raises:
            Http404: when there is none.
        """
        queryset = self.get_queryset() if queryset is None else queryset
        text = self.kwargs.get(self.pk_url_kwarg)
        if any("\x00" in str(value) for value in self.kwargs.values()):
            raise Http404(_("There is no such object."))
        if text is None:
            return super().get_object(queryset)
        key = parse_key(concrete(queryset.model), str(text))
        found = [] if key is None else loaded(queryset.filter(pk=key)[:1])
        if not found:
            raise Http404(_("There is no such object."))
        return found[0]
