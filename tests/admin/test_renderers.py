"""Renderers: how each kind of field is shown, and how a change of one is."""

from __future__ import annotations

import re
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.postgres.fields import (
    ArrayField,
    DateRangeField,
    HStoreField,
    IntegerRangeField,
)
from django.core.files.storage import FileSystemStorage
from django.db import models
from django.test import override_settings
from django.utils import translation
from django.utils.html import strip_tags

from pgaudit_log.presentation.labels import Labels
from pgaudit_log.presentation.renderers import (
    Surroundings,
    register_renderer,
    registry,
    renderer_for,
)
from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.presentation.renderers.natives import GeometryRenderer
from pgaudit_log.presentation.renderers.numbers import NumberRenderer
from pgaudit_log.values.row_json import ERASED, JSON_NULL, MASKED, MISSING
from tests.shop.models import Customer, Order

AROUND = Surroundings(labels=Labels("default", lambda model: True), url_of=lambda m, k: f"/{k}/")


def words(html: str) -> str:
    """Return what is read of HTML, without what only a screen reader says."""
    html = re.sub(r'<span class="pgh-sr">[^<]*</span>', "", html)
    return " ".join(strip_tags(html).replace("&quot;", '"').replace("&#x27;", "'").split())


def shown(field: Any, value: Any) -> str:
    return words(renderer_for(field, AROUND).show(value))


def changed(field: Any, old: Any, new: Any) -> str:
    return words(renderer_for(field, AROUND).change(old, new))


STATUS = models.CharField(choices=[("n", "New"), ("Group", [("p", "Paid")])])
UTC = timezone.utc


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (models.CharField(), None, "–"),
        (models.CharField(), "", '""'),
        (models.CharField(), " a b ", "␣a b␣"),
        (models.CharField(), "   ", "␣␣␣"),
        (models.CharField(), "a\u202eb\x1b", r"a\u202eb\x1b"),
        (models.CharField(), MISSING, "unknown"),
        (models.CharField(), MASKED, "••••"),
        (models.CharField(), ERASED, "erased"),
        (models.JSONField(), JSON_NULL, "null"),
        (models.BooleanField(), True, "✓ Yes"),
        (models.BooleanField(), False, "✗ No"),
        (models.BooleanField(), "maybe", "maybe"),
        (STATUS, "n", "New"),
        (STATUS, "p", "Paid"),
        (STATUS, "x", "x unknown choice"),
        (models.IntegerField(choices=[(1, "One")]), 1, "One"),
        (models.IntegerField(), 1234567, "1,234,567"),
        (models.DecimalField(), Decimal("1234.50"), "1,234.50"),
        (models.DecimalField(), Decimal("NaN"), "NaN"),
        (models.DecimalField(), "cheap", "cheap"),
        (models.FloatField(), 0.1, "0.1"),
        (models.FloatField(), 1e300, "1e+300"),
        (models.DateField(), date(2026, 3, 1), "March 1, 2026"),
        (models.TimeField(), time(12, 30), "12:30:00"),
        (models.DateField(), "0044-03-15 BC", "0044-03-15 BC"),
        (models.DateTimeField(), "infinity", "infinity"),
        (models.DurationField(), timedelta(days=3, hours=4), "3 days 4:00:00"),
        (models.DurationField(), -timedelta(days=1), "−1 day"),
        (models.DurationField(), timedelta(), "0 seconds"),
        (models.DurationField(), "P1Y", "P1Y"),
        (models.UUIDField(), uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (models.GenericIPAddressField(), "10.0.0.1", "10.0.0.1"),
        (IntegerRangeField(), "[1,5)", "[1, 5)"),
        (IntegerRangeField(), "(,5]", "(∞, 5]"),
        (DateRangeField(), "empty", "empty"),
        (models.BinaryField(), b"abc", "3 bytes (SHA-256 ba7816bf…)"),
        (models.BinaryField(), "odd", "odd"),
        (models.JSONField(), {"a": [1, None]}, '{"a": [1, null]}'),
        (ArrayField(models.TextField()), ["a", "b"], '["a", "b"]'),
        (HStoreField(), {"a": None}, '{"a": null}'),
        (None, {"a": 1}, '{"a": 1}'),
        (None, 5, "5"),
    ],
)
def test_a_value(field: Any, value: Any, text: str) -> None:
    assert shown(field, value) == text


@pytest.mark.parametrize(
    ("field", "old", "new", "text"),
    [
        (models.CharField(), None, "DHL", "– → DHL"),
        (models.CharField(), "", "DHL", '"" → DHL'),
        (models.CharField(), "blue", "red", "blue → red"),
        (models.CharField(), "red ", "red", "red␣ → red"),
        (models.CharField(), "leave it there", "leave it here", "leave it therehere"),
        (models.BooleanField(), False, True, "✗ No → ✓ Yes"),
        (STATUS, "n", "p", "New → Paid"),
        (models.DecimalField(), Decimal("4.36"), Decimal("6.54"), "4.36 → 6.54 +2.18 (+50 %)"),
        (models.IntegerField(), 12, 10, "12 → 10 −2 (−17 %)"),
        (models.IntegerField(), 0, 5, "0 → 5 +5"),
        (models.IntegerField(), None, 5, "– → 5"),
        (models.IntegerField(choices=[(1, "One")]), 2, 1, "2 unknown choice → One"),
        (models.DateField(), date(2026, 11, 30), date(2026, 12, 3),
         "Nov. 30, 2026 → Dec. 3, 2026 +3 days"),
        (models.DateField(), date.min, date.max, None),
        (models.DurationField(), timedelta(1), timedelta(hours=12), "1 day → 12:00:00 −12:00:00"),
        (IntegerRangeField(), "[1,5)", "[1,7)", "[1, 57)"),
        (IntegerRangeField(), None, "[1,7)", "– → [1, 7)"),
        (models.BinaryField(), b"a", b"abc", None),
        (models.JSONField(), {"items": [{"qty": 3}]}, {"items": [{"qty": 5}]}, "items[0].qty 3 → 5"),
        (models.JSONField(), {"a": 1}, {"b": None}, "a 1b null"),
        (models.JSONField(), [{"id": 7, "q": 1}, {"id": 8}], [{"id": 8}, {"id": 7, "q": 2}],
         "[id=7].q 1 → 2"),
        (models.JSONField(), {"a": True}, {"a": 1}, "a true → 1"),
        (models.JSONField(), {"a": 1}, JSON_NULL, '{"a": 1} → null'),
        (models.CharField(), MASKED, MASKED, "•••• changed"),
        (models.CharField(), MISSING, "x", "unknown → x"),
    ],
)  # fmt: skip
def test_a_change(field: Any, old: Any, new: Any, text: str | None) -> None:
    found = changed(field, old, new)
    assert found == text if text is not None else found


def test_a_moment_is_shown_in_the_current_time_zone_with_the_whole_of_it_beside_it() -> None:
    html = renderer_for(models.DateTimeField(), AROUND).show(datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert "1 p.m." in html and "CET" in html
    assert 'datetime="2026-01-01T12:00:00+00:00"' in html
    assert 'title="2026-01-01 13:00:00+01:00"' in html


def test_numbers_and_dates_are_of_the_language() -> None:
    with translation.override("de"):
        assert shown(models.DecimalField(), Decimal("1234.5")) == "1.234,5"
        assert shown(models.DateField(), date(2026, 3, 1)) == "1. März 2026"


def test_the_last_moment_that_there_is_can_be_shown() -> None:
    assert shown(models.DateTimeField(), datetime.max.replace(tzinfo=UTC))
    first, last = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))  # noqa: DTZ901
    assert changed(models.DateTimeField(), first, last)


def test_a_number_of_many_digits_is_shown_by_its_beginning() -> None:
    html = shown(models.DecimalField(), Decimal("7" * 5000))
    assert html.startswith("7" * 200) and "(5000 characters)" in html and len(html) < 300
    assert "5000" in changed(models.DecimalField(), Decimal("7" * 5000), Decimal(1))


def test_a_long_text_is_folded_and_its_change_shown_in_context() -> None:
    old = "The parcel. " * 20 + "Leave it with the neighbour." + " Thank you." * 20
    new = old.replace("with the neighbour", "in the garage")
    assert "<details" in renderer_for(models.TextField(), AROUND).show(old)
    html = renderer_for(models.TextField(), AROUND).change(old, new)
    assert "neighbour</del>" in html and "garage</ins>" in html
    assert " … " in html and "View both in full" in html


def test_a_text_of_five_megabytes_is_too_large() -> None:
    text = "x y " * 1_250_000
    for html in (
        renderer_for(models.TextField(), AROUND).show(text),
        renderer_for(models.TextField(), AROUND).change(text, text + "z"),
        renderer_for(models.JSONField(), AROUND).show([text]),
    ):
        assert "too large to show" in html and len(html) < 1000


def test_a_document_that_is_too_deep_is_shown_as_its_text() -> None:
    text = "[" * 900 + "]" * 900
    html = renderer_for(models.JSONField(), AROUND).show(text)
    assert "<details" in html and len(html) < 10_000
    deep: Any = "x"
    for _level in range(190):
        deep = {"a": deep}
    assert "a.a.a" in renderer_for(models.JSONField(), AROUND).change(deep, {"a": deep})


def test_a_document_with_many_differences_shows_the_first() -> None:
    old = {f"k{n}": n for n in range(100)}
    html = changed(models.JSONField(), old, dict.fromkeys(old, -1))
    assert "k49 " in html and "k50 " not in html and "… and more" in html


def test_a_foreign_key_is_named_and_linked(db: None) -> None:
    customer = Customer.objects.create(name="Ana")
    field: Any = Order._meta.get_field("customer")
    labels = Labels("default", lambda model: True)
    around = Surroundings(labels=labels, url_of=lambda model, key: f"/{model.__name__}/{key}/")
    for value in (customer.pk, 0):
        labels.want(field, value)
    labels.load()
    html = renderer_for(field, around).show(customer.pk)
    assert f'href="/Customer/{customer.pk}/"' in html and f"Customer object ({customer.pk})" in html
    assert words(renderer_for(field, around).show(0)) == "customer 0 (deleted)"
    assert words(renderer_for(field, around).show("odd")) == "customer odd"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, "[1, 2]"),
        ({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, "LineString (2)"),
        ("POINT (1 2)", "POINT (1 2)"),
        ({"coordinates": []}, '{"coordinates": []}'),
    ],
)
def test_a_geometry_is_summarised(value: Any, text: str) -> None:
    assert words(GeometryRenderer(None, AROUND).show(value)) == text


def test_a_file_is_linked_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_text("x")
    storage = FileSystemStorage(location=tmp_path, base_url="/media/")
    field: Any = models.FileField(storage=storage)
    assert 'href="/media/a%20b.txt"' in renderer_for(field, AROUND).show("a b.txt")
    assert shown(field, "gone.txt") == "gone.txt file missing"
    assert "file missing" in shown(field, "../../etc/passwd")
    image: Any = models.ImageField(storage=storage)
    assert '<img class="pgh-thumbnail" src="/media/a%20b.txt"' in renderer_for(image, AROUND).show(
        "a b.txt"
    )


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example/x", "data:text/html,x"])
def test_a_file_is_not_linked_to_what_is_no_place(url: str) -> None:
    class Storage(FileSystemStorage):
        def url(self, name: Any) -> str:
            return url

        def path(self, name: str) -> str:
            return __file__

    html = renderer_for(models.FileField(storage=Storage()), AROUND).show("x")  # type: ignore[arg-type]
    assert "href" not in html and words(html) == "x"


def test_a_renderer_is_registered_for_a_class_of_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))

    class MoneyField(models.DecimalField):  # type: ignore[type-arg]
        pass

    assert shown(MoneyField(), Decimal(1)) == "1"

    @register_renderer(MoneyField)
    class MoneyRenderer(NumberRenderer):
        def text(self, value: Any) -> str:
            return f"{super().text(value)} €"

    class TipField(MoneyField):
        pass

    assert shown(TipField(), Decimal(1)) == "1 €"
    assert shown(models.DecimalField(), Decimal(1)) == "1"


def test_what_is_no_renderer_is_refused() -> None:
    with pytest.raises(TypeError, match="no subclass of Renderer"):
        register_renderer(models.TextField)(int)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="no class of fields"):
        register_renderer()


CORPUS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7*7 }}{% debug %}",
    "</textarea><svg/onload=alert(1)>",
    "%s %d {} {0} {x}",
    "<!--", "]]>", "\x00<b>", "\u2028<b>",
]  # fmt: skip
FIELDS: list[Any] = [
    models.CharField(), models.TextField(), models.SlugField(), models.URLField(), models.EmailField(),
    models.BooleanField(), models.IntegerField(), models.DecimalField(), models.FloatField(),
    models.DateField(), models.DateTimeField(), models.TimeField(), models.DurationField(),
    models.UUIDField(), models.GenericIPAddressField(), models.BinaryField(), models.JSONField(),
    models.FileField(), models.ImageField(), models.FilePathField(), IntegerRangeField(),
    ArrayField(models.TextField()), HStoreField(), STATUS,
    models.CharField(choices=[(text, text) for text in CORPUS]),
    Order._meta.get_field("customer"), None,
]  # fmt: skip


def is_harmless(html: str) -> bool:
    """Return whether HTML has only the tags and attributes that renderers write."""
    tags = re.findall(r"<(/?)([a-z]+)([^>]*)>", html)
    known = {
        "span", "del", "ins", "code", "time", "details", "summary", "div", "pre", "ul", "li", "a", "img",
    }  # fmt: skip
    attributes = re.compile(
        r'(\s(class|title|datetime|href|src|alt|loading|aria-hidden)="[^"<>]*")*\s*'
    )
    return html.count("<") == len(tags) and all(
        name in known and attributes.fullmatch(rest) for _end, name, rest in tags
    )


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: type(field).__name__)
@override_settings(MEDIA_URL="/media/")
def test_no_renderer_lets_html_through(field: Any) -> None:
    renderer = renderer_for(field, AROUND)
    for evil in CORPUS:
        shapes: list[Any] = [
            evil, evil * 30, [evil], {evil: evil}, [{"id": evil, evil: [evil]}], f"[{evil},{evil})",
        ]  # fmt: skip
        for value in shapes:
            assert is_harmless(renderer.show(value)), (evil, value)
            for other in [*shapes, None, "", MISSING, MASKED]:
                assert is_harmless(renderer.change(value, other)), (evil, value, other)


@pytest.mark.parametrize("evil", CORPUS)
def test_no_name_lets_html_through(evil: str) -> None:
    class Renamed(Renderer):
        def delta(self, old: Any, new: Any) -> str:
            return evil

        def text(self, value: Any) -> str:
            return evil

    assert is_harmless(Renamed(None, AROUND).change(1, 2))
