"""Pages of a project's own: timelines beside its objects, found as a ``DetailView`` finds them."""

from __future__ import annotations

from typing import Any

from django.urls import include, path
from rest_framework import serializers, viewsets
from rest_framework.permissions import AllowAny
from rest_framework.routers import SimpleRouter

from pgaudit_log.presentation import Access
from pgaudit_log.rest.viewsets import TimelineMixin
from pgaudit_log.views import TimelineView
from tests.admin import site  # noqa: F401 - whose admins say what is hidden
from tests.shop.models import Order, Product, Untracked


class PaidOrders(TimelineView):
    show_deleted = True
    page_size = 2

    def get_queryset(self) -> Any:
        return Order.objects.exclude(status="secret")


class OrderSerializer(serializers.ModelSerializer):  # type: ignore[type-arg, unused-ignore]
    class Meta:
        model = Order
        fields = ("id", "status")


class OrderViewSet(TimelineMixin, viewsets.ReadOnlyModelViewSet):  # type: ignore[type-arg, unused-ignore]
    """A project's own, which lets anybody see orders."""

    permission_classes = (AllowAny,)
    serializer_class = OrderSerializer
    queryset = Order.objects.exclude(status="secret")


class OwnOrders(Access):
    """Whoever is logged in may see the events of orders; which, is up to the view."""

    may_view_trail = True

    def may_view(self, model: Any) -> bool:
        return model is Order or super().may_view(model)

    def may_view_object(self, model: Any, obj: Any) -> bool:
        return self.may_view(model)


router = SimpleRouter()
router.register("api/orders", OrderViewSet)

urlpatterns = [
    path("api/audit/", include("pgaudit_log.rest.urls")),
    *router.urls,
    path("orders/<str:pk>/activity/", TimelineView.as_view(model=Order), name="activity"),
    path("paid/<str:pk>/activity/", PaidOrders.as_view()),
    path("named/<str:slug>/", TimelineView.as_view(model=Product, slug_field="name")),
    path("own/<int:pk>/", TimelineView.as_view(model=Order, access_class=OwnOrders)),
    path("untracked/<str:pk>/", TimelineView.as_view(model=Untracked)),
]


def only_root_sees_notes(request: Any, model: Any) -> Any:
    """The setting ``PGAUDIT_LOG_HIDDEN_FIELDS``: notes of orders are for superusers."""
    return "note" if model is Order and not request.user.is_superuser else ()
