"""Saved filters: each person's own, kept for good, and no part of the log."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from pgaudit_log.admin import saved_filters
from pgaudit_log.database import uncaptured
from pgaudit_log.database.hardening.things import _model_tables
from pgaudit_log.declaring.selections import _why_not
from pgaudit_log.models import SavedFilter
from tests.shop.models import Order

pytestmark = pytest.mark.slow

TRAIL = "/admin/pgaudit_log/events/"
SAVED = f"{TRAIL}saved/"


def test_a_filter_is_saved_opened_and_forgotten(
    root: Client, staff: Any, order: Order, page: Any
) -> None:
    html = page(root, TRAIL, actor="ana", model="shop.Order", before="99999999")
    [link] = re.findall(r'href="(/admin[^"]+saved/[^"]+)"', html)
    html = page(root, link.replace("&amp;", "&"))
    assert "Who: ana" in html and 'value="actor=ana&amp;model=shop.Order"' in html
    sent = {"name": "<b>Ana's", "query": "actor=ana&model=shop.Order&before=5&at=2020-01-01"}
    for _twice in range(2):
        assert root.post(SAVED, sent).status_code == 302
    html = page(root, SAVED)
    assert "&lt;b&gt;Ana" in html and "<b>" not in html
    # Breadcrumbs may be a list, too.
    [link] = re.findall(r'<li><a href="([^"]+[?][^"]+)"', html)
    assert link == f"{TRAIL}?actor=ana&amp;model=shop.Order"
    assert page(root, link.replace("&amp;", "&")).count('id="event-') == 1

    saved = SavedFilter.objects.get()
    other = staff("pgaudit_log.view_events")
    assert "Ana" not in page(other, SAVED)
    other.post(SAVED, {"forget": saved.pk})
    assert SavedFilter.objects.count() == 1
    for wrong in ("x", "-1", "9" * 40):
        root.post(SAVED, {"forget": wrong})
    root.post(SAVED, {"forget": saved.pk})
    assert not SavedFilter.objects.exists()


def test_what_cannot_be_saved_is_told(
    root: Client, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sent in (
        {},
        {"name": "", "query": "q=1"},
        {"name": "n" * 101, "query": "q=1"},
        {"name": "a\0", "query": "q=1"},
        {"name": "n", "query": "q=" + "x" * 5000},
    ):
        assert root.post(SAVED, sent).status_code == 400
    monkeypatch.setattr(saved_filters, "MOST_FILTERS", 1)
    assert root.post(SAVED, {"name": "one", "query": "q=%00a&q=%ff"}).status_code == 302
    response = root.post(SAVED, {"name": "two", "query": "q=1"})
    assert response.status_code == 400 and "the most" in response.content.decode()
    assert root.post(SAVED, {"name": "one", "query": "q=2"}).status_code == 302
    assert [(s.name, s.query) for s in SavedFilter.objects.all()] == [("one", "q=2")]
    assert staff("shop.view_order").get(SAVED).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="root"))
    assert strict.post(SAVED, {"name": "n", "query": "q=1"}).status_code == 403


def test_its_table_is_no_part_of_the_log(db: None) -> None:
    """The application of a hardened database writes it; nothing tracks it, or says that nothing does."""
    table = SavedFilter._meta.db_table
    assert table in _model_tables("default")
    assert _why_not(SavedFilter) is not None
    assert table not in {one.table for one in uncaptured.tables("default")}
