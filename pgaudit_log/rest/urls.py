"""The addresses of the API, to be included: ``path("api/audit/", include("pgaudit_log.rest.urls"))``."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from pgaudit_log.rest.viewsets import EventViewSet, TimelineViewSet

TIMELINES = r"timelines/(?P<model>[^/]+)/(?P<key>.+)"
"""The prefix of timelines for a router: the label of a model, and the key of an object."""

router = SimpleRouter()
router.register("events", EventViewSet, basename="audit-event")
router.register(TIMELINES, TimelineViewSet, basename="audit-timeline")

urlpatterns = router.urls
