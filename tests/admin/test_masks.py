"""What is masked is not shown: not its values, nor those of the time before, nor by what is found."""

from __future__ import annotations

import re
from typing import Any
from unittest import mock

import pytest
from django.db import models

from pgaudit_log.capture_v1.columns import Mask
from pgaudit_log.declaring import masks
from pgaudit_log.diffs import sides
from pgaudit_log.models import Events
from pgaudit_log.presentation import renderers
from pgaudit_log.presentation.labels import Labels
from pgaudit_log.presentation.renderers import Surroundings
from pgaudit_log.reading import changed_fields, hidden_values, masked_fields
from pgaudit_log.reversal.checking import conflicts
from pgaudit_log.reversal.writing import execution
from pgaudit_log.values.row_json import ERASED, MASKED
from tests.admin.forms import Form
from tests.shop.models import Order, Product
from tests.support import execute


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notes of orders and the names of products are masked now; events have them in clear."""
    own = {Order: {"note": Mask.MARK}, Product: {"name": Mask.MARK}}

    def masks_of(model: type[models.Model]) -> Any:
        return own.get(model, {})

    for module in (
        masks,
        hidden_values,
        masked_fields,
        changed_fields,
        sides,
        conflicts,
        execution,
    ):
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


@pytest.mark.slow
@pytest.mark.everywhere
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


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("masked", "order")
def test_nor_is_it_taken_out(root: Any) -> None:
    Order.objects.update(note="knock once")
    for form in ("csv", "jsonl"):
        response = root.post("/admin/pgaudit_log/events/export/", {"format": form})
        text = b"".join(response.streaming_content).decode()
        assert "paid" in text and "pgaudit_log.masked" in text
        assert not any(value in text for value in ("knock once", "ring twice", "Distance"))


@pytest.mark.slow
@pytest.mark.usefixtures("masked")
def test_nor_are_they_shown_where_an_object_goes_back(
    root: Any, order: Order, page: Any, url: Any
) -> None:
    """Neither what events have in clear, nor what the row has today."""
    Order.objects.update(note="knock once", status="lost")
    change = order.events.latest("pgh_id")  # type: ignore[attr-defined]
    first = order.events.earliest("pgh_id")  # type: ignore[attr-defined]
    places = [
        url(order, "audit", "undo") + f"?event={change.pgh_id}",
        url(order, "audit", "revert") + f"?event={first.pgh_id}",
        url(order, "audit", "compare") + f"?a={first.pgh_id}&b=now&unchanged=1",
        url(order, "audit", "fields"),
    ]
    for place in places:
        html = page(root, place)
        assert "lost" in html and not re.search("ring twice|knock once", html), place
    form = Form(page(root, places[0]))
    assert ("field", "note") not in form.boxes
    response = form.send(root, places[0], reason="r", field=["status", "note"])
    assert response.status_code == 400 and b"knock once" not in response.content
    response = form.send(root, places[0], reason="r", preview="1")
    assert response.status_code == 200 and b"knock once" not in response.content
    assert form.send(root, places[0], reason="r").status_code == 302
    assert [(o.note, o.status) for o in Order.objects.all()] == [("knock once", "paid")]

    gone = url(order, "audit", "restore")
    order.delete()
    deletion = Events.objects.filter(pgh_obj_model="shop.Order").latest("pgh_id")
    html = page(root, gone, event=deletion.pk)
    assert "paid" in html and not re.search("ring twice|knock once", html)
    assert "is hidden in the log" in html and 'name="value-shop.Order.note"' in html
    found = "/admin/shop/order/audit/deleted/"
    assert "No deleted objects" in page(root, found, q="knock")
    form = Form(html)
    given = {"value-shop.Order.note": "by hand", "reason": "r"}
    response = form.send(root, f"{gone}?event={deletion.pk}", **given)
    response = Form(response.content.decode()).send(root, f"{gone}?event={deletion.pk}", **given)
    assert response.status_code == 302 and Order.objects.get().note == "by hand"


def test_a_mask_shows_nothing_of_any_value() -> None:
    labels = Labels("default", lambda model: True)
    around = Surroundings(labels=labels, url_of=lambda model, key: "")
    field: Any = Order._meta.get_field("note")
    with mock.patch.object(renderers, "is_masked", lambda own: own is field):
        shown = renderers.renderer_for(field, around)
    assert "knock" not in shown.show("knock") + shown.change("knock", None) + shown.change("", "x")
    assert shown.json("knock") is MASKED and shown.json(None) is None
    assert shown.json(ERASED) is ERASED and "erased" in shown.show(ERASED)
