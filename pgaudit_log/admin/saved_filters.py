"""Saved filters: what a person asks the trail again and again, under a name of their own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, router, transaction
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.responses import not_written, screen
from pgaudit_log.models import Events, SavedFilter
from pgaudit_log.presentation.addresses import kept
from pgaudit_log.presentation.filter_bar import TrailFilterSet
from pgaudit_log.reading import user_lookup

MOST_FILTERS = 100
"""How many filters a person can save."""

MOST_CHARACTERS = 4000
"""How long what is asked for may be."""


class SavedFilterForm(forms.Form):
    """A name, and the query of a page of the trail."""

    name = forms.CharField(label=_lazy("Save this as"), max_length=100)
    query = forms.CharField(max_length=MOST_CHARACTERS)


def saved_filters(site: AdminSite, request: HttpRequest) -> HttpResponseBase:
    """Return the page of a person's saved filters; a POST saves one, or forgets one.

    Raises:
        PermissionDenied: when the person may not see the trail.
    """
    access = AdminAccess(request, site)
    user = user_lookup.key_of(request.user)
    if not access.may_view_trail or not user:
        raise PermissionDenied
    own = SavedFilter.objects.filter(user=user)
    form = SavedFilterForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        try:
            if _did(request, form, user, own):
                return HttpResponseRedirect(request.path)
        except DatabaseError:
            return not_written(site, request)
        query = _cleaned(QueryDict(request.POST.get("query", "")[:MOST_CHARACTERS]))
    else:
        query = _cleaned(request.GET)
    asked = QueryDict(query)
    return screen(
        site,
        request,
        "saved_filters",
        status=400 if form.errors else 200,
        title=_("Saved filters"),
        saved=own.order_by("name")[:MOST_FILTERS],
        form=form,
        query=query,
        chips=TrailFilterSet(asked, Events.objects.all(), access=access).chips(asked),
    )


def _did(request: HttpRequest, form: SavedFilterForm, user: str, own: Any) -> bool:
    """Return whether what a POST wanted was done."""
    if "forget" in request.POST:
        number = request.POST["forget"]
        if number.isascii() and number.isdecimal() and len(number) < 19:
            with transaction.atomic(using=router.db_for_write(SavedFilter)):
                own.filter(pk=int(number)).delete()
        return True
    if not form.is_valid():
        return False
    using = router.db_for_write(SavedFilter)
    with transaction.atomic(using=using):
        name = form.cleaned_data["name"]
        if own.count() >= MOST_FILTERS and not own.filter(name=name).exists():
            told = _("You have %(count)d filters, which is the most. Forget one of them.")
            form.add_error("name", told % {"count": MOST_FILTERS})
            return False
        query = _cleaned(QueryDict(form.cleaned_data["query"]))
        SavedFilter.objects.using(using).update_or_create(
            user=user, name=name, defaults={"query": query}
        )
    return True


def _cleaned(parameters: QueryDict) -> str:
    """Return what is asked for, without the place in it."""
    asked = [(name, value.replace("\0", "")) for name, value in kept(parameters)]
    return urlencode(asked, errors="replace")
