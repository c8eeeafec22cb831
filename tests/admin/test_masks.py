"""What is masked is not shown: not its values, nor those of the time before, nor by what is found."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models

from pgaudit_log.capture_v1.columns import Mask
from pgaudit_log.declaring import masks
from pgaudit_log.reading import changed_fields, hidden_values, masked_fields
from tests.shop.models import Order, Product
from tests.support import execute


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notes of orders and the names of products are masked now; events have them in clear."""
    own = {Order: {"note": Mask.MARK}, Product: {"name": Mask.MARK}}

    def masks_of(model: type[models.Model]) -> Any:
        return own.get(model, {})

    for module in (masks, hidden_values, masked_fields, changed_fields):
        if hasattr(module, "masks_of"):
            monkeypatch.setattr(module, "masks_of", masks_of)


def test_a_mark_is_shown_as_what_it_is(root: Any, order: Order, page: Any, url: Any) -> None:
    mark = '{"pgaudit_log.masked": true}'
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff, shape)"
        " SELECT model, obj_pk, 'update', 'U', snapshot || jsonb_build_object('note', %s::jsonb),"
        " jsonb_build_object('note', jsonb_build_array(%s::jsonb, %s::jsonb)), shape"
        " FROM pgaudit_log_event WHERE model = 'shop.Order' ORDER BY id DESC LIMIT 1",
        [mark, mark, mark],
    )
    html = page(root, url(order, "audit"))
    assert "••••" in html
    assert "pgaudit_log.masked" not in html


@pytest.mark.usefixtures("masked")
def test_values_of_the_time_before_are_hidden_on_each_page(
    root: Any, order: Order, page: Any, url: Any
) -> None:
    Order.objects.update(note="knock once")
    event = order.events.latest("pgh_id")  # type: ignore[attr-defined]
    for address, query, has_values in (
        (url(order, "audit"), {}, True),
        (url(order, "audit", "at"), {}, True),
        (url(order, "audit", "at"), {"event": event.pgh_id - 1}, True),
        ("/admin/pgaudit_log/events/", {}, True),
        ("/admin/pgaudit_log/events/", {"layout": "list"}, False),
        (f"/admin/pgaudit_log/events/{event.pgh_id}/change/", {}, True),
    ):
        response = root.get(address, query, follow=True)
        html = response.content.decode()
        assert response.status_code == 200
        assert "ring twice" not in html and "knock once" not in html and "Distance" not in html
        assert ("••••" in html) is has_values


@pytest.mark.usefixtures("masked", "order")
def test_what_is_masked_is_not_found_by_its_values(root: Any, page: Any, refused: Any) -> None:
    Order.objects.update(note="knock once")
    query = {"model": "shop.Order", "changed": "note"}
    assert 'id="event-' in page(root, "/admin/pgaudit_log/events/", **query)
    html = refused(root, "/admin/pgaudit_log/events/", **query, changed_to="knock once")
    assert "note is masked" in html and 'id="event-' not in html
    for text in ("knock once", '"Distance"', "note:knock once"):
        assert 'id="event-' not in page(root, "/admin/pgaudit_log/events/", q=text)
    query = {"q": "note:knock once", "model": "shop.Order"}
    assert "There is no field" in refused(root, "/admin/pgaudit_log/events/", **query)


@pytest.mark.usefixtures("masked", "order")
def test_nor_is_it_taken_out(root: Any) -> None:
    Order.objects.update(note="knock once")
    for form in ("csv", "jsonl"):
        response = root.post("/admin/pgaudit_log/events/export/", {"format": form})
        text = b"".join(response.streaming_content).decode()
        assert "paid" in text and "pgaudit_log.masked" in text
        assert not any(value in text for value in ("knock once", "ring twice", "Distance"))
