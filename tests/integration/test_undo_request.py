"""A request that touched twenty tables is taken back, and every table is as it was to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from pgaudit_log.middleware import AuditMiddleware
from pgaudit_log.models import Events
from pgaudit_log.reversal import undo
from tests.going_back import Copies, Tables, tables
from tests.support import last_id
from tests.tables import SqlField

pytestmark = pytest.mark.django_db(transaction=True)

CASCADE, SET_NULL, PROTECT = models.CASCADE, models.SET_NULL, models.PROTECT


def declare(made: Tables) -> SimpleNamespace:
    """Declare twenty tables that refer to each other in every way."""
    text, number = models.TextField, models.IntegerField
    region = made.make("Region", name=text(unique=True))
    tag = made.make("Tag", word=models.CharField(max_length=20, primary_key=True))
    company = made.make(
        "Company",
        name=text(),
        region=models.ForeignKey(region, PROTECT),
        code=models.CharField(max_length=8, unique=True, null=True),
    )
    supplier = made.make("Supplier", bases=(company,), rating=models.FloatField())
    buyer = made.make(
        "Buyer", bases=(company,), credit=models.DecimalField(max_digits=20, decimal_places=4)
    )
    person = made.make(
        "Person",
        company=models.ForeignKey(company, CASCADE),
        boss=models.ForeignKey("self", SET_NULL, null=True),
        born=models.DateField(null=True),
    )
    account = made.make(
        "Account",
        person=models.OneToOneField(person, CASCADE, primary_key=True),
        secret=models.BinaryField(),
    )
    article = made.make(
        "Article",
        supplier=models.ForeignKey(supplier, CASCADE),
        price=models.DecimalField(max_digits=12, decimal_places=2),
        data=models.JSONField(null=True),
        tags=models.ManyToManyField(tag),
    )
    double = made.make(
        "Doubled",
        n=number(),
        twice=models.GeneratedField(
            expression=models.F("n") * 2, output_field=number(), db_persist=True
        ),
        article=models.ForeignKey(article, CASCADE),
    )
    shelf = made.make(
        "Shelf",
        pk=models.CompositePrimaryKey("row", "column"),
        row=number(),
        column=number(),
        article=models.ForeignKey(article, SET_NULL, null=True),
    )
    cart = made.make(
        "Cart", buyer=models.ForeignKey(buyer, CASCADE), at=models.DateTimeField(auto_now=True)
    )
    line = made.make(
        "CartLine",
        cart=models.ForeignKey(cart, CASCADE),
        article=models.ForeignKey(article, CASCADE),
        count=number(),
    )
    note = made.make(
        "Note", line=models.ForeignKey(line, CASCADE), words=SqlField("text[]", null=True)
    )
    span = made.make(
        "Span", cart=models.ForeignKey(cart, SET_NULL, null=True), during=SqlField("tstzrange")
    )
    tree = made.make("Tree", parent=models.ForeignKey("self", CASCADE, null=True), name=text())
    leaf = made.make("Leaf", tree=models.ForeignKey(tree, CASCADE), raw=SqlField("json", null=True))
    slot = made.make("Slot", place=number(unique=True), who=text())
    paper = made.make(
        "Paper", uuid=models.UUIDField(primary_key=True), pages=SqlField("point", null=True)
    )
    price = made.make(
        "Price", article=models.ForeignKey(article, CASCADE), wait=models.DurationField(null=True)
    )
    found = SimpleNamespace(
        **{
            name: value
            for name, value in locals().items()
            if name not in ("made", "text", "number")
        }
    )
    found.tagging = article.tags.through
    return found


def fill(t: SimpleNamespace) -> None:
    """Put rows of all kinds into the tables."""
    region = t.region.objects.create(name="north")
    t.region.objects.create(name="south")
    tags = [t.tag.objects.create(word=word) for word in ("new", "ö'\"\\", "%s")]
    supplier = t.supplier.objects.create(name="s", region=region, rating=-0.0, code="S")
    t.supplier.objects.create(name="s2", region=region, rating=0.1, code="S2")
    buyer = t.buyer.objects.create(name="b", region=region, credit="1.10", code=None)
    boss = t.person.objects.create(company=supplier, born="0044-03-15")
    for _ in range(3):
        worker = t.person.objects.create(company=buyer, boss=boss)
        t.account.objects.create(person=worker, secret=b"\x00\xff")
    for n in range(4):
        article = t.article.objects.create(
            supplier=supplier,
            price=f"{n}.50",
            data=[None, {"a": [], "b": "1.0"}, models.Value(None, models.JSONField())][n % 3],
        )
        article.tags.set(tags[: n % 4])
        t.double.objects.create(n=n, article=article)
        t.shelf.objects.create(row=1, column=n, article=article)
        t.price.objects.create(article=article, wait=None)
    cart = t.cart.objects.create(buyer=buyer)
    for article in t.article.objects.all():
        line = t.line.objects.create(cart=cart, article=article, count=article.pk)
        t.note.objects.create(line=line, words=["a", None, "NULL", ""])
    t.span.objects.create(cart=cart, during="[2024-01-01 00:00+09,infinity)")
    root = t.tree.objects.create(name="root")
    branch = t.tree.objects.create(name="branch", parent=root)
    t.leaf.objects.create(
        tree=t.tree.objects.create(name="twig", parent=branch), raw='{"a":1,  "a":2}'
    )
    for n in range(3):
        t.slot.objects.create(place=n, who=f"w{n}")
    t.paper.objects.create(uuid="018f0000-0000-7000-8000-000000000001", pages="(1.5,-0)")


def meddle(t: SimpleNamespace) -> None:
    """Create, change and delete in all tables, in several transactions."""
    with transaction.atomic():
        t.supplier.objects.get(code="S").delete()
        t.supplier.objects.filter(code="S2").update(rating=float("nan"), code="S")
        t.region.objects.filter(name="south").update(name="east")
    with transaction.atomic():
        fresh = t.region.objects.create(name="south")
        other = t.supplier.objects.create(name="x", region=fresh, rating=5, code="S2")
        fresh.delete() if not other.pk else None
        article = t.article.objects.create(supplier=other, price="7", data={"x": 1})
        article.tags.add(t.tag.objects.get(word="%s"))
        t.tag.objects.filter(word="new").delete()
        t.shelf.objects.filter(column=2).delete()
        t.shelf.objects.create(row=9, column=9, article=article)
        t.shelf.objects.filter(column=1).update(article=article)
        t.double.objects.create(n=9, article=article)
        t.price.objects.create(article=article)
    t.buyer.objects.update(credit="99", name="bb")
    t.cart.objects.get().save()
    with transaction.atomic():
        short = t.slot.objects.create(place=100, who="short")
        short.who = "lived"
        short.save()
        short.delete()
        t.slot.objects.filter(place=0).update(place=-1)
        t.slot.objects.filter(place=1).update(place=0)
        t.slot.objects.filter(place=-1).update(place=1)
    t.tree.objects.filter(parent=None).first().delete()
    t.leaf.objects.create(tree=t.tree.objects.create(name="new"), raw="[ 1 ]")
    t.paper.objects.update(pages="(NaN,1)")
    t.paper.objects.create(uuid="018f0000-0000-7000-8000-000000000002")
    t.span.objects.update(during="empty", cart=None)
    t.person.objects.update(born="2000-02-29")
    t.buyer.objects.get().delete()


@pytest.fixture
def t() -> Iterator[SimpleNamespace]:
    with tables() as made:
        found = declare(made)
        fill(found)
        yield found


def request(t: SimpleNamespace) -> Any:
    """Do it all in one request, and return the id of its context."""

    def view(request: HttpRequest) -> HttpResponse:
        meddle(t)
        return HttpResponse()

    request = RequestFactory().post("/meddle/")
    request.user = User(pk=7)
    AuditMiddleware(view)(request)
    return Events.objects.latest("pgh_id").pgh_context_id


@pytest.mark.slow
@pytest.mark.everywhere
def test_undo_of_a_request_brings_twenty_tables_back(t: SimpleNamespace) -> None:
    every = list(vars(t).values())
    assert len(every) == 20
    copies = Copies(*every)
    context = request(t)
    touched = set(
        Events.objects.filter(pgh_context_id=context).values_list("pgh_obj_model", flat=True)
    )
    assert touched == {model._meta.label for model in every}
    undo(context=context).apply()
    assert copies.differences() == []


@pytest.mark.slow
@pytest.mark.everywhere
def test_undo_of_that_undo_brings_the_request_back(t: SimpleNamespace) -> None:
    context = request(t)
    every = list(vars(t).values())
    copies = Copies(*every)
    undone = undo(context=context).apply()
    assert copies.differences() != []
    undo(txid=undone.txid).apply()
    assert copies.differences() == []


@pytest.mark.slow
@pytest.mark.everywhere
def test_its_events_say_what_they_revert(t: SimpleNamespace) -> None:
    context, after = request(t), last_id()
    undo(context=context).apply(reason="by mistake")
    events = Events.objects.filter(pgh_id__gt=after)
    assert {(e.pgh_context["reverts_context"], e.pgh_context["reason"]) for e in events} == {
        (str(context), "by mistake")
    }
