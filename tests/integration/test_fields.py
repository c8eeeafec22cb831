"""Typed events give back the Python value that the model gives, for each of Django's fields."""

from __future__ import annotations

import base64
import decimal
import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from django.contrib.postgres import fields as postgres
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange, NumericRange
from django.db.models.functions import Upper

from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests.support import execute
from tests.tables import tracked_table

pytestmark = pytest.mark.django_db

AWARE = datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=timezone(timedelta(hours=-3)))


class Base64Field(models.TextField):
    """Stores text encoded, as a field that encrypts does."""

    def get_prep_value(self, value: Any) -> Any:
        return value and base64.b64encode(value.encode()).decode()

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value and base64.b64decode(value).decode()


class Point:
    """What :class:`PointField` gives."""

    def __init__(self, x: int, y: int) -> None:
        self.pair = (x, y)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and self.pair == other.pair

    __hash__ = None  # type: ignore[assignment]


class PointField(models.Field):  # type: ignore[type-arg]
    """A field with an argument of its own, a column type of its own, and a class of its own."""

    def __init__(self, *args: Any, srid: int = 0, **kwargs: Any) -> None:
        self.srid = srid
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str:
        return "varchar(40)"

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "srid": self.srid}

    def get_prep_value(self, value: Any) -> Any:
        return value and f"{value.pair[0]};{value.pair[1]}"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value and Point(*map(int, value.split(";")))


FIELDS: dict[str, tuple[models.Field[Any, Any], list[Any]]] = {
    "big integer": (models.BigIntegerField(), [0, 2**63 - 1]),
    "binary": (models.BinaryField(), [b"", b"\x00\xff"]),
    "boolean": (models.BooleanField(), [True, False]),
    "char": (models.CharField(max_length=20, choices=[("a", "A")]), ["a", "", "null"]),
    "char without length": (models.CharField(), ["x" * 500]),
    "date": (models.DateField(), [date(2024, 2, 29), date.min, date.max]),
    "datetime": (models.DateTimeField(), [AWARE]),
    "decimal": (
        models.DecimalField(max_digits=30, decimal_places=10),
        [decimal.Decimal("1.1000000000"), decimal.Decimal("-12345678901234567890.0123456789")],
    ),
    "duration": (models.DurationField(), [timedelta(0), timedelta(days=-3, microseconds=1)]),
    "email": (models.EmailField(), ["a@b.example"]),
    "file": (models.FileField(upload_to="x"), ["x/ä.txt"]),
    "float": (models.FloatField(), [0.1, -0.0, float("inf"), 1e300]),
    "image": (models.FilePathField(path="/"), ["/x.png"]),
    "integer": (models.IntegerField(), [-(2**31)]),
    "ip": (models.GenericIPAddressField(), ["10.0.0.1", "2001:db8::1"]),
    "json": (models.JSONField(), [{"a": [1, None, "ü"]}, [], "text", 5, True]),
    "positive big": (models.PositiveBigIntegerField(), [2**63 - 1]),
    "positive small": (models.PositiveSmallIntegerField(), [32767]),
    "slug": (models.SlugField(), ["a-b"]),
    "small": (models.SmallIntegerField(), [-32768]),
    "text": (models.TextField(), ["", "\t'\"\\ ☃"]),
    "time": (models.TimeField(), [time(1, 2, 3, 4), time.max]),
    "url": (models.URLField(), ["https://example.com/"]),
    "uuid": (models.UUIDField(), [uuid.UUID(int=7)]),
    "array": (postgres.ArrayField(models.IntegerField(null=True)), [[], [1, None]]),
    "array of text": (postgres.ArrayField(models.CharField(max_length=9)), [["a,b", "", 'q"']]),
    "array of arrays": (
        postgres.ArrayField(postgres.ArrayField(models.TextField(), size=2)),
        [[["a", "b"], ["c", "d"]]],
    ),
    "array of moments": (postgres.ArrayField(models.DateTimeField()), [[AWARE]]),
    "array of decimals": (
        postgres.ArrayField(models.DecimalField(max_digits=5, decimal_places=2)),
        [[decimal.Decimal("1.10")]],
    ),
    "integer range": (postgres.IntegerRangeField(), [NumericRange(1, 5), NumericRange(empty=True)]),
    "big integer range": (postgres.BigIntegerRangeField(), [NumericRange(None, 5)]),
    "decimal range": (postgres.DecimalRangeField(), [NumericRange(decimal.Decimal("1.10"), None)]),
    "date range": (postgres.DateRangeField(), [DateRange(date(2024, 1, 1), date(2024, 2, 1))]),
    "moment range": (postgres.DateTimeRangeField(), [DateTimeTZRange(AWARE, None)]),
    "search vector": (SearchVectorField(), ["'a':1"]),
    "encrypted": (Base64Field(), ["secret", ""]),
    "custom": (PointField(srid=5), [Point(1, 2)]),
}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


def nullable(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    _, _, args, kwargs = field.deconstruct()
    return type(field)(*args, **{**kwargs, "null": True})


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("name", FIELDS)
def test_an_event_gives_the_value_that_the_model_gives(name: str) -> None:
    field, values = FIELDS[name]
    table = tracked_table("Holder", v=nullable(field))
    for value in [None, *values]:
        table.objects.all().delete()
        saved = table.objects.create(v=value)
        saved.refresh_from_db()
        found = saved.events.get().v
        assert found == saved.v
        assert type(found) is type(saved.v)
        assert repr(found) == repr(saved.v) or isinstance(found, (memoryview, Point))


def test_a_stored_generated_column_is_in_its_events() -> None:
    table = tracked_table(
        "Holder",
        name=models.TextField(),
        upper=models.GeneratedField(
            expression=Upper("name"), output_field=models.TextField(), db_persist=True
        ),
    )
    saved = table.objects.create(name="a")
    table.objects.update(name="b")
    assert [event.upper for event in saved.events.all()] == ["A", "B"]


def test_a_foreign_key_to_another_field_gives_its_object() -> None:
    country = tracked_table("Country", code=models.CharField(max_length=2, unique=True))
    city = tracked_table(
        "City",
        country=models.ForeignKey(country, models.CASCADE, to_field="code", db_column="land"),
    )
    saved = city.objects.create(country=country.objects.create(code="DE"))
    event = saved.events.select_related("country").get()
    assert (event.country.code, event.pgh_data["land"]) == ("DE", "DE")
    assert event.pgh_refs == ["shop.Country.code:DE"]
    assert city.pgh_event_model.objects.filter(country__code="DE").count() == 1


@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
def test_a_table_of_two_hundred_columns(level: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    names = [f"c{number}" for number in range(200)]
    table = tracked_table("Wide", **{name: models.IntegerField(default=1) for name in names})
    saved = table.objects.create()
    table.objects.update(**{name: number for number, name in enumerate(names)})
    event = saved.events.get(pgh_operation="U")
    assert [getattr(event, name) for name in names] == list(range(200))
    assert len(event.pgh_diff) == 199


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_value_of_fifty_megabytes() -> None:
    table = tracked_table("Holder", v=models.TextField(), n=models.IntegerField(default=0))
    saved = table.objects.create(v="ab" * 25_000_000)
    table.objects.update(n=1)
    lengths = Events.objects.filter(pgh_obj_model="shop.Holder").values_list("pgh_id", flat=True)
    assert len(lengths) == 2
    [(whole, changed)] = execute(
        "SELECT length(snapshot ->> 'v'), diff FROM pgaudit_log_event WHERE operation = 'U'"
    )
    assert whole == 50_000_000
    assert "v" not in str(changed)
    assert saved.pk
