"""Models, fields and parents that come in another order than one would think."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models

import pgaudit_log
from pgaudit_log.database import installation
from pgaudit_log.exceptions import DeclarationError, InstallationError
from pgaudit_log.models import Events
from pgaudit_log.reading import declared_views
from pgaudit_log.testing import isolated
from tests.projects import project
from tests.shop.models import Customer, Order
from tests.support import execute
from tests.tables import install, make


@pytest.fixture
def forgotten() -> Iterator[None]:
    with isolated():
        yield


class Translated(models.Field):  # type: ignore[type-arg]
    """A field made for another one, as translation libraries make them."""

    def __init__(self, original: Any) -> None:
        self.original = original
        super().__init__(null=True)

    def db_type(self, connection: Any) -> str:
        return str(self.original.db_type(connection))

    def deconstruct(self) -> Any:
        _, path, args, kwargs = self.original.deconstruct()
        return self.name, path, args, {**kwargs, "null": True}

    def clone(self) -> Any:
        _, _, args, kwargs = self.deconstruct()
        return type(self.original)(*args, **kwargs)


LATE: dict[str, Any] = {
    "plain": lambda: models.IntegerField(default=7),
    "another class": lambda: Translated(models.CharField(max_length=9)),
    "itself": lambda: models.ForeignKey("self", models.CASCADE, null=True),
    "by name": lambda: models.ForeignKey("Customer", models.CASCADE, null=True),
    "model": lambda: models.ForeignKey(Customer, models.CASCADE, null=True),
}


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("is_tracked_first", [True, False], ids=["after track()", "before track()"])
@pytest.mark.parametrize("kind", LATE)
def test_a_field_that_is_added_to_the_class_is_read(
    forgotten: None, kind: str, is_tracked_first: bool
) -> None:
    thing = make("Late", name=models.TextField())
    if is_tracked_first:
        pgaudit_log.track()(thing)
    thing.add_to_class("extra", LATE[kind]())
    if not is_tracked_first:
        pgaudit_log.track()(thing)
    install(thing)
    field = thing._meta.get_field("extra")
    value: Any = "7" if kind == "another class" else 7
    if field.is_relation:
        value = Customer.objects.create(name="a") if kind != "itself" else thing.objects.create()
    made = thing.objects.create(extra=value)
    event = made.events.get()
    assert event.extra == value
    assert made.events.filter(extra=value).exists()
    assert thing.objects.as_of(event).get(pk=made.pk).extra == value


@pytest.mark.django_db
def test_a_field_that_is_not_to_be_tracked_stays_out(forgotten: None) -> None:
    thing = make("Late", name=models.TextField())
    pgaudit_log.track(fields=["name"])(thing)
    thing.add_to_class("extra", models.IntegerField(default=1))
    install(thing)
    assert not hasattr(thing.objects.create(name="a").name_events.get(), "extra")


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_a_child_may_be_tracked_before_its_parent(forgotten: None, order: Any) -> None:
    parent = make("Animal", name=models.TextField(default="unknown"))
    child = make("Dog", (parent,), breed=models.TextField(default="mutt"))
    grandchild = make("Puppy", (child,), age=models.IntegerField(default=0))
    family = (parent, child, grandchild)
    for position in order:
        pgaudit_log.track()(family[position])
    install(*family)
    puppy = grandchild.objects.create(name="Rex", breed="lab", age=1)
    parent.objects.update(name="Max")
    assert [(e.name, e.breed, e.age) for e in puppy.events.order_by("pgh_id")][2:] == [
        ("Rex", "lab", 1),
        ("Max", "lab", 1),
    ]
    assert grandchild.objects.filter(events__name="Max", events__age=1).get() == puppy


@pytest.mark.django_db
def test_a_parent_may_be_tracked_by_a_proxy_later(forgotten: None) -> None:
    parent = make("Animal", name=models.TextField(default="unknown"))
    child = make("Dog", (parent,), breed=models.TextField(default="mutt"))
    pgaudit_log.track()(child)
    proxy = make("AnimalProxy", (parent,), Meta={"proxy": True})
    pgaudit_log.track()(proxy)
    install(parent, child, create=True)
    install(proxy, create=False)
    dog = child.objects.create(name="Rex", breed="lab")
    assert [(e.name, e.breed) for e in dog.events.order_by("pgh_id")][-1] == ("Rex", "lab")


@pytest.mark.django_db
def test_one_models_trouble_leaves_the_views_of_others(monkeypatch: Any) -> None:
    view_of = declared_views.view_of

    def failing(event_model: Any, connection: Any) -> Any:
        if event_model.pgh_tracked_model is Order:
            raise LookupError("no such thing")
        return view_of(event_model, connection)

    monkeypatch.setattr(declared_views, "view_of", failing)
    execute("DROP VIEW shop_orderevent, shop_customerevent, shop_productevent")
    execute("CREATE TABLE shop_productevent ()")
    with pytest.raises(InstallationError) as raised:
        installation.install("default")
    assert "shop_orderevent of the events of shop.Order could not be made: no such thing" in str(
        raised.value
    )
    assert "The view shop_productevent cannot be created" in str(raised.value)
    assert "shop_customerevent" in connection.introspection.table_names(include_views=True)


@pytest.mark.parametrize("model", [Events, Order.pgh_event_model])  # type: ignore[attr-defined]
def test_models_of_events_are_told_apart(model: Any) -> None:
    with pytest.raises(DeclarationError, match="it is a model of events"):
        pgaudit_log.track()(model)


def test_a_model_that_is_swapped_out_is_told_apart(forgotten: None) -> None:
    swapped = make("Swapped", Meta={"swappable": "AUTH_USER_MODEL"})
    with pytest.raises(DeclarationError, match=f"AUTH_USER_MODEL puts {User._meta.label}"):
        pgaudit_log.track()(swapped)


def test_a_model_of_a_migration_is_told_apart() -> None:
    from django.db.migrations.state import ProjectState

    model = ProjectState.from_apps(apps).apps.get_model("shop", "Order")
    with pytest.raises(DeclarationError, match="class_prepared"):
        pgaudit_log.track()(model)


MODELS = """
from django.db import models


class Tag(models.Model):
    pass


class Item(models.Model):
    name = models.CharField(max_length=50)
    tags = models.ManyToManyField(Tag)


class Box(models.Model):
    pass
"""

READY = """
from django.apps import AppConfig, apps
from django.db.models.signals import class_prepared

import pgaudit_log


def track(sender, **kwargs):
    meta = sender._meta
    if meta.app_label == "store" and meta.apps is apps and not meta.auto_created:
        pgaudit_log.track()(sender)


class StoreConfig(AppConfig):
    name = "store"

"""

LOOPS = {
    "of its app": """
    def ready(self):
        for model in self.get_models():
            pgaudit_log.track()(model)
""",
    "of its app, through tables included": """
    def ready(self):
        for model in self.get_models(include_auto_created=True):
            pgaudit_log.track()(model)
""",
    "of all": """
    def ready(self):
        for model in apps.get_models():
            if model._meta.app_label == "store":
                pgaudit_log.track()(model)
""",
    "as classes are prepared": """
    def __init__(self, *args):
        super().__init__(*args)
        class_prepared.connect(track)
""",
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("loop", LOOPS)
def test_all_models_are_tracked_in_a_loop(tmp_path: Path, loop: str) -> None:
    with project(tmp_path) as store:
        store.write("store/models.py", MODELS)
        store.write("store/apps.py", READY + LOOPS[loop])
        store.manage("makemigrations", "store")
        store.manage("migrate")
        printed = store.shell(
            """
            from store.models import Item, Tag
            from pgaudit_log.models import Events
            item = Item.objects.create(name="a")
            item.tags.add(Tag.objects.create())
            print(item.events.get().name, [event.pgh_obj_model for event in Events.objects.all()])
            """
        )
    through = ", 'store.Item_tags'" if "through" in loop else ""
    assert printed == f"a ['store.Item', 'store.Tag'{through}]\n"
