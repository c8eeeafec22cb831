"""Probes: going back."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from benchmarks.comparison.answers import Answer, either
from benchmarks.comparison.probes import probe
from benchmarks.comparison.rows import line, order, save
from benchmarks.comparison.ways.base import Way

BACK = "Going back"


@probe(BACK, "an object back to an earlier version")
def revert(way: Way) -> Answer:
    """An order that was paid is reverted."""
    own = order(way)
    save(way, own, status="paid", price=Decimal("9.00"))
    with way.block():
        way.revert(own)
    own.refresh_from_db()
    return either((own.status, own.price) == ("new", Decimal("1.25")), "not what it was")


@probe(BACK, "a deleted object restored")
def restore(way: Way) -> Answer:
    """An order is deleted and brought back."""
    own = order(way)
    save(way, own, status="paid")
    model, pk = type(own), own.pk
    with way.block():
        own.delete()
    with way.block():
        way.restore(model, pk)
    found = model.objects.filter(pk=pk).first()
    return either(found is not None and found.status == "paid", "not brought back")


@probe(BACK, "all that one transaction did, undone")
def undo(way: Way) -> Answer:
    """A transaction changes an order, adds a line and deletes another; all of it is taken back."""
    own = order(way)
    gone = line(way, own, "cups")
    with transaction.atomic(), way.block():
        own.status = "paid"
        own.save()
        line(way, own, "tea")
        gone.delete()
    way.undo(own)
    own.refresh_from_db()
    articles = [part.article for part in own.lines.all()]
    return either((own.status, articles) == ("new", ["cups"]), "not all of it")


@probe(BACK, "a preview of what would change")
def preview(way: Way) -> Answer:
    """A revert is asked for and not done."""
    own = order(way)
    save(way, own, status="paid")
    text = way.preview(own)
    own.refresh_from_db()
    return either("paid" in text and "new" in text and own.status == "paid", "it tells less")
