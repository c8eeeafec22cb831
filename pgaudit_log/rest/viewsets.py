"""Viewsets: the trail, timelines, and the timeline as an action of a project's own viewsets."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.http import Http404
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.viewsets import GenericViewSet

from pgaudit_log.models import Events
from pgaudit_log.presentation import looks, pages
from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.filter_bar import TrailFilterSet
from pgaudit_log.presentation.subjects import Subject, subject_for, subject_of
from pgaudit_log.presentation.timelines import events_of, timeline_of
from pgaudit_log.rest.pagination import EventPagination
from pgaudit_log.rest.representations import represented, represented_alone
from pgaudit_log.rest.serializers import (
    EventDetailSerializer,
    EventSerializer,
    TimelineEventSerializer,
)


class TookTooLong(APIException):
    """A question took longer than ``PGAUDIT_LOG_ADMIN_TIMEOUT``: it has to be narrower."""

    status_code = 400
    default_code = "took_too_long"


class MayViewTrail(BasePermission):
    """Lets those in who may view events; what they may see of them is the matter of ``Access``."""

    def has_permission(self, request: Any, view: Any) -> bool:
        """Return whether the person may see the trail."""
        return bool(view.get_access().may_view_trail)


class AuditThrottle(UserRateThrottle):
    """120 questions a minute, unless ``DEFAULT_THROTTLE_RATES`` has another rate for ``audit``."""

    scope = "audit"

    def get_rate(self) -> str | None:
        """Return the rate."""
        rate: str | None = self.THROTTLE_RATES.get(self.scope, "120/min")
        return rate


class EventFilter(BaseFilterBackend):
    """The filters of the trail, as far as the person may ask."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        """Return the events that were asked for.

        Raises:
            ValidationError: for what cannot be asked, by the name of the parameter.
        """
        return filtered(request, queryset, view.get_access(), request.query_params)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the parameters for a schema."""
        return [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": str(own.label or name),
                "schema": {"type": "string"},
            }
            for name, own in TrailFilterSet.base_filters.items()
        ]


def filtered(request: Any, queryset: Any, access: Access, parameters: Any) -> Any:
    """Return the events of a queryset that parameters ask for.

    Raises:
        ValidationError: for what cannot be asked, by the name of the parameter.
    """
    asked = TrailFilterSet(parameters, queryset, request=request, access=access)
    if not asked.form.is_valid():
        raise ValidationError({name: list(own) for name, own in asked.form.errors.items()})
    return asked.qs


class AuditViewSet(GenericViewSet):
    """What the viewsets of the package share: who may ask, how often, and how much at once."""

    access_class: type[Access] = Access
    """Says what the person who asks may see."""
    permission_classes = (MayViewTrail,)
    pagination_class = EventPagination
    serializer_class = EventSerializer

    def get_access(self) -> Access:
        """Return what the person who asks may see."""
        if not hasattr(self, "_access"):
            self._access = self.access_class(self.request)
        return self._access

    def get_throttles(self) -> list[Any]:
        """Return the project's throttles, and the one of the log."""
        return [*super().get_throttles(), AuditThrottle()]

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Return an answer that nothing on its way keeps: it is for this person."""
        add_never_cache_headers(response)
        return super().finalize_response(request, response, *args, **kwargs)


class EventViewSet(AuditViewSet):
    """The trail: what happened to all models, the newest first; and one event with its whole row."""

    queryset = Events.objects.all()
    filter_backends = (EventFilter,)
    lookup_value_regex = r"-?[0-9]+"

    def get_serializer_class(self) -> Any:
        """Return what an event has: alone, its row, too."""
        return EventDetailSerializer if self.action == "retrieve" else EventSerializer

    def list(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Return a page of the trail; of the last days only, unless it is asked otherwise.

        Raises:
            TookTooLong: when the question took too long.
        """
        using = str(self.get_queryset().db)
        try:
            # Whom a name means is looked for among the events, too.
            with pages.bounded(using):
                page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        except pages.TookTooLongError as error:
            raise TookTooLong(pages.too_long()) from error
        looks.tell(request._request)
        shown = represented(page, Entries(self.get_access(), using))
        return self.get_paginated_response(self.get_serializer(shown, many=True).data)

    def retrieve(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Return one event.

        Raises:
            Http404: when there is none.
        """
        id = pages.number_of(self.kwargs[self.lookup_url_kwarg or self.lookup_field])
        event = None if id is None else self.get_queryset().filter(pk=id).first()
        if event is None:
            raise Http404(_("There is no event %(id)s.") % {"id": str(id)[:20]})
        looks.tell(request._request)
        entries = Entries(self.get_access(), str(event._state.db))
        return Response(self.get_serializer(represented_alone(event, entries)).data)


class _Timelines:
    """Answers with a page of an object's timeline."""

    request: Any

    def timeline_response(self, access: Access, subject: Subject | None) -> Response:
        """Return a page of a timeline, which ``field`` and ``parts`` and the filters of the trail narrow.

        Raises:
            TookTooLong: when the question took too long.
            ValidationError: for what cannot be asked.
        """
        if subject is None:
            raise Http404(_("There is no such object."))
        paginator = EventPagination()
        position = paginator.position_of(self.request)
        parameters = self.request.query_params
        given = {name for name in TrailFilterSet.base_filters if parameters.get(name)}
        try:
            if given - {"model", "object"}:
                page, parts, entries = self._filtered(access, subject, paginator, position)
            else:
                asked = {
                    "field": parameters.get("field", ""),
                    "parts": parameters.get("parts", ""),
                    "before": "" if position.before is None else str(position.before),
                    "after": "" if position.after is None else str(position.after),
                }
                found = timeline_of(access, subject, asked, size=paginator.page_size)
                if found.message:
                    raise ValidationError({"field": [found.message]})
                page, parts, entries = found.page, found.parts, found.entries
        except pages.TookTooLongError as error:
            raise TookTooLong(pages.too_long()) from error
        looks.tell(self.request._request)
        shown = represented(paginator.of(page), entries, parts=parts)
        answer = TimelineEventSerializer(shown, many=True).data
        response: Response = paginator.get_paginated_response(answer)
        add_never_cache_headers(response)
        return response

    def _filtered(
        self, access: Access, subject: Subject, paginator: EventPagination, position: Any
    ) -> Any:
        parameters = self.request.query_params.copy()
        for name in ("object", "model"):
            parameters.pop(name, None)
        # The events of one object are few enough for all the time.
        parameters.setdefault("period", "all")
        if parameters.get("changed"):
            parameters["model"] = subject.model._meta.label
        own = events_of(subject)
        with pages.bounded(str(own.db)):
            events = filtered(self.request, own, access, parameters)
            page = pages.page_of(events, position, paginator.page_size)
        entries = Entries(access, str(own.db), subject=(subject.model, subject.key))
        return page, frozenset[int](), entries


class TimelineViewSet(_Timelines, AuditViewSet):
    """The timelines of all tracked models, at ``timelines/shop.Order/17/``; of what is gone, too."""

    filter_backends = (EventFilter,)
    serializer_class = TimelineEventSerializer

    def get_queryset(self) -> Any:
        """Return nothing: which events there are is a matter of the object."""
        return Events.objects.none()

    def list(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Return a page of the timeline of an object.

        Raises:
            PermissionDenied: when the person may not see it.
            Http404: when there is no such model, and for what is no key of it.
        """
        label, access = str(self.kwargs["model"]), self.get_access()
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError):
            raise Http404(_("There is no model %(label)s.") % {"label": label[:100]}) from None
        return self.timeline_response(access, subject_of(access, model, str(self.kwargs["key"])))


class TimelineMixin(_Timelines):
    """Gives a project's own viewset the action ``timeline``: ``/orders/17/timeline/``.

    The object is found, and may be seen, as the viewset says; who may not view events is refused.
    """

    access_class: type[Access] = Access

    @action(detail=True, methods=["get"], serializer_class=TimelineEventSerializer)
    def timeline(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Return a page of what happened to the object.

        Raises:
            PermissionDenied: when the person may not see it.
        """
        own: Any = self
        access = self.access_class(request)
        if not access.may_view_trail:
            own.permission_denied(request)
        return self.timeline_response(access, subject_for(access, own.get_object()))


__all__ = ["EventViewSet", "TimelineMixin", "TimelineViewSet"]
