"""Fields whose class does something with its objects: an event of them reads what was stored."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import File
from django.db import models
from django.db.models.signals import class_prepared, post_init

import pgaudit_log
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.testing import isolated
from tests.support import execute
from tests.tables import install, make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with isolated():
        yield


class Protected:
    """As django-fsm's: a state is set once, and afterwards by transitions only."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else vars(instance)[self.field.name]

    def __set__(self, instance: Any, value: Any) -> None:
        if self.field.name in vars(instance):
            raise AttributeError("Direct modification is not allowed")
        vars(instance)[self.field.name] = value


class StateField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = Protected

    def contribute_to_class(self, cls: Any, name: str, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name)
        setattr(cls, name, Protected(self))
        class_prepared.connect(self.collect, sender=cls)

    def collect(self, sender: Any, **kwargs: Any) -> None:
        assert hasattr(sender, "finish"), "the transitions are methods of the model"


class Amount:
    """As django-money's: two columns are one value."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return vars(instance)[self.field.name], vars(instance)[f"{self.field.name}_currency"]

    def __set__(self, instance: Any, value: Any) -> None:
        if isinstance(value, tuple):
            value, vars(instance)[f"{self.field.name}_currency"] = value
        vars(instance)[self.field.name] = value


class MoneyField(models.DecimalField):  # type: ignore[type-arg]
    def contribute_to_class(self, cls: Any, name: str, **kwargs: Any) -> None:
        cls.add_to_class(f"{name}_currency", models.CharField(max_length=3, default="EUR"))
        super().contribute_to_class(cls, name)
        setattr(cls, name, Amount(self))


class MonitorField(models.DateTimeField):  # type: ignore[type-arg]
    """As django-model-utils': it looks at another field as soon as an object is made."""

    def __init__(self, *args: Any, monitor: str, **kwargs: Any) -> None:
        self.monitor = monitor
        super().__init__(*args, **kwargs)

    def contribute_to_class(self, cls: Any, name: str, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name)
        post_init.connect(self.look, sender=cls)

    def look(self, instance: Any, **kwargs: Any) -> None:
        instance.was = getattr(instance, self.monitor)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "monitor": self.monitor}


class Phone(str):
    """A value of a class of its own."""


class PhoneAttribute(Protected):
    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self.field.name] = value and Phone(value)


class PhoneField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = PhoneAttribute


class NeverNullField(models.TextField):  # type: ignore[type-arg]
    """A class that does not take ``null``."""

    def __init__(self, verbose_name: str | None = None) -> None:
        super().__init__(verbose_name, default="")

    def deconstruct(self) -> Any:
        name, path, _, _ = super().deconstruct()
        return name, path, [], {}


class SecretField(models.TextField):  # type: ignore[type-arg]
    """As encrypted fields: stored otherwise than it is read."""

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None else value[::-1]

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value if value is None else value[::-1]


class StubbornField(models.TextField):  # type: ignore[type-arg]
    def __init__(self, shape: str) -> None:
        super().__init__()


COLUMNS: dict[str, Any] = {
    "image": lambda: models.ImageField(width_field="w", height_field="h", null=True),
    "document": lambda: models.FileField(null=True),
    "w": lambda: models.IntegerField(null=True),
    "h": lambda: models.IntegerField(null=True),
    "state": lambda: StateField(max_length=9, default="new"),
    "price": lambda: MoneyField(max_digits=9, decimal_places=2, default=0),
    "phone": lambda: PhoneField(max_length=20, default=""),
    "status": lambda: models.CharField(max_length=9, default="a"),
    "changed": lambda: MonitorField(monitor="status", null=True),
    "text": NeverNullField,
    "secret": lambda: SecretField(default=""),
    "target_type": lambda: models.ForeignKey(ContentType, models.CASCADE, null=True),
    "target_id": lambda: models.IntegerField(null=True),
    "target": lambda: GenericForeignKey("target_type", "target_id"),
}

WITHOUT = {
    "everything": [],
    "the size": ["w", "h"],
    "the currency": ["price_currency"],
    "what is watched": ["status"],
    "half of the reference": ["target_type"],
    "all of them": ["w", "h", "price_currency", "status", "target_type"],
}


def finish(self: Any) -> None:
    """A transition."""


@pytest.fixture(params=list(WITHOUT))
def thing(request: pytest.FixtureRequest) -> Any:
    model = make("Watched", finish=finish, **{name: field() for name, field in COLUMNS.items()})
    pgaudit_log.track(exclude=WITHOUT[request.param])(model)
    install(model)
    execute(
        "INSERT INTO shop_watched (image, document, w, h, state, price, price_currency, phone, status,"
        " text, secret, target_id)"
        " VALUES ('gone.png', 'gone.txt', 3, 4, 'done', 1.50, 'CHF', '+41', 'b', 'x', 'terces', 7)"
    )
    return model


def read(event: Any) -> None:
    """Claim that an event has what was stored, and nothing of today or of another field."""
    assert isinstance(event.image, File) and event.image.name == "gone.png"
    assert isinstance(event.document, File) and event.document.name == "gone.txt"
    assert (event.state, event.text, event.secret, event.target_id) == ("done", "x", "secret", 7)
    assert type(event.phone) is Phone and event.phone == "+41"
    names = {field.name for field in event._meta.fields}
    stored = Decimal("1.50")
    assert event.price == ((stored, "CHF") if "price_currency" in names else stored)
    for name, value in {"w": 3, "h": 4, "price_currency": "CHF", "status": "b"}.items():
        assert not hasattr(event, name) or getattr(event, name) == value
        assert hasattr(event, name) == (name in names)


def test_an_event_reads_what_was_stored(thing: Any) -> None:
    event = thing.objects.only("pk").get().events.get()
    read(event)
    event.refresh_from_db()
    read(event)
    read(copy.copy(event))
    read(thing.pgh_event_model.objects.only("pgh_id").get())
    read(thing.pgh_event_model.objects.defer("state", "price", "image").get())


def test_it_is_asked_for_as_the_field_has_it(thing: Any) -> None:
    events = thing.pgh_event_model.objects
    for found in (
        {"state": "done"},
        {"secret": "secret"},
        {"price__gte": 1},
        {"image": "gone.png"},
    ):
        assert events.filter(**found).count() == 1


def test_what_was_null_is_none(thing: Any) -> None:
    thing.objects.all().delete()
    execute(
        "INSERT INTO shop_watched (state, price, price_currency, phone, status, text, secret)"
        " VALUES ('new', 0, 'EUR', '', '', '', '')"
    )
    event = thing.pgh_event_model.objects.latest("pgh_id")
    assert not event.image and event.changed is None and event.target_id is None


def test_an_event_can_be_pickled(thing: Any) -> None:
    module = __import__("sys").modules[thing.pgh_event_model.__module__]
    assert module.WatchedEvent is thing.pgh_event_model
    read(pickle.loads(pickle.dumps(thing.pgh_event_model.objects.get())))


def test_a_class_that_makes_no_other_field_is_an_error_that_names_the_field() -> None:
    thing = make("Stubborn", odd=StubbornField("round"))
    with pytest.raises(
        DeclarationError, match=r'shop\.Stubborn\.odd cannot be tracked: .* exclude=\["odd"\]'
    ):
        pgaudit_log.track()(thing)
    pgaudit_log.track(exclude=["odd"])(thing)
