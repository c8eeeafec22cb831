"""Pages of a project's own: timelines beside its objects, found as a ``DetailView`` finds them."""

from __future__ import annotations

from typing import Any

from django.urls import path

from pgaudit_log.views import TimelineView
from tests.admin import site  # noqa: F401 - whose admins say what is hidden
from tests.shop.models import Order, Product, Untracked


class PaidOrders(TimelineView):
    show_deleted = True
    page_size = 2

    def get_queryset(self) -> Any:
        return Order.objects.exclude(status="secret")


urlpatterns = [
    path("orders/<str:pk>/activity/", TimelineView.as_view(model=Order), name="activity"),
    path("paid/<str:pk>/activity/", PaidOrders.as_view()),
    path("named/<str:slug>/", TimelineView.as_view(model=Product, slug_field="name")),
    path("untracked/<str:pk>/", TimelineView.as_view(model=Untracked)),
]


def only_root_sees_notes(request: Any, model: Any) -> Any:
    """The setting ``PGAUDIT_LOG_HIDDEN_FIELDS``: notes of orders are for superusers."""
    return "note" if model is Order and not request.user.is_superuser else ()
