"""User names: whom the field *Who* offers while somebody writes in it."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.reading import user_lookup

MOST_NAMES = 10


def user_names(site: AdminSite, request: HttpRequest) -> JsonResponse:
    """Return the users whose names begin with ``term``, as the field takes them: ``ana (7)``.

    Raises:
        PermissionDenied: when the person may not see the trail, or no users.
    """
    access = AdminAccess(request, site)
    model = user_lookup.user_model()
    if not access.may_view_trail or model is None or not access.may_view(model):
        raise PermissionDenied
    name = getattr(model, "USERNAME_FIELD", None)
    term = request.GET.get("term", "")[:150].replace("\0", "")
    if name is None or not term or name in access.hidden_fields(model):
        return JsonResponse({"users": []})
    # Names are unique, so that an index has them in order.
    found = model._base_manager.filter(**{f"{name}__startswith": term}).order_by(name)
    users = [f"{getattr(user, name)} ({user_lookup.key_of(user)})" for user in found[:MOST_NAMES]]
    return JsonResponse({"users": users})
