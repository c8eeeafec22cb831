"""No key refuses a write: what is too long for the index is shortened, and every reader finds the object."""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import pgaudit_log
from pgaudit_log.backfill import backfill
from pgaudit_log.diffs import NOW, blame, diff
from pgaudit_log.models import Events
from pgaudit_log.reversal import restore, revert, undo
from pgaudit_log.testing import isolated
from pgaudit_log.values.key_sql import short_key_sql
from pgaudit_log.values.keys import LONGEST_KEY, is_shortened, key_text, short_key
from tests.support import execute
from tests.tables import EVERYTHING, install, make, tracked_table

pytestmark = pytest.mark.django_db

LEVELS = pytest.mark.parametrize("level", ["STATEMENT", "ROW"])

LONGEST = secrets.token_hex(1345)
"""About as long as the index of a primary key takes, and nothing that could be compressed."""

KEYS = {
    "plain": LONGEST,
    "four bytes each": "".join(chr(0x10000 + secrets.randbelow(0x10000)) for _ in range(650)),
    "quotes": "a\"'\\%{}%s" * 60,
    "controls": "\x01\n\t" * 200,
    "just too long": "x" * (LONGEST_KEY + 1),
    "the longest that is whole": "x" * LONGEST_KEY,
    "whole, by four bytes each": "\U0001f600" * (LONGEST_KEY // 4),
}


@pytest.fixture(autouse=True)
def forget(settings: Any, request: Any) -> Iterator[None]:
    level = request.node.callspec.params.get("level") if hasattr(request.node, "callspec") else None
    if level is not None:
        settings.PGAUDIT_LOG_LEVEL = level
    with isolated():
        yield


@pytest.fixture
def page() -> Any:
    return tracked_table(
        "Page",
        *EVERYTHING,
        url=models.TextField(primary_key=True),
        n=models.IntegerField(default=0),
    )


@pytest.mark.parametrize("text", [*KEYS.values(), "", "ä", "x" * 440, "é" * 250, "é" * 251])
def test_a_key_is_shortened_alike_in_python_and_in_sql(text: str) -> None:
    [(shortened,)] = execute(
        f"SELECT {short_key_sql('key')} FROM (SELECT %s AS key) AS given", [text]
    )
    assert shortened == short_key(text)
    assert is_shortened(shortened) == (len(text.encode()) > LONGEST_KEY)
    assert (shortened == text) == (len(text.encode()) <= LONGEST_KEY)


def test_what_a_shortened_key_looks_like() -> None:
    key = "ab" * 300
    assert short_key(key) == key[:440] + " " + hashlib.sha256(key.encode()).hexdigest()


def test_a_shortened_key_is_no_other_keys_whole_text() -> None:
    assert short_key(short_key(LONGEST)) != short_key(LONGEST)


@pytest.mark.slow
@LEVELS
@pytest.mark.parametrize("kind", KEYS)
def test_the_whole_life_of_an_object(level: str, kind: str, page: Any) -> None:
    key = KEYS[kind]
    saved = page.objects.create(url=key)
    created = Events.objects.get()
    page.objects.filter(pk=key).update(n=1)
    assert set(Events.objects.values_list("pgh_obj_id", flat=True)) == {
        key_text(key, [page._meta.pk])
    }
    saved.refresh_from_db()

    events = page.pgh_event_model.objects
    assert [(e.pgh_obj_id, e.pgh_obj, e.n) for e in events.order_by("pgh_id")] == [
        (key, saved, 0),
        (key, saved, 1),
    ]
    assert [e.n for e in saved.events.order_by("pgh_id")] == [0, 1]
    assert [e.n for e in events.timeline(saved)] == [0, 1]
    assert page.objects.filter(events__n=1).get() == saved
    assert events.filter(pgh_obj__in=page.objects.all()).count() == 2
    assert {e.pgh_obj for e in Events.objects.prefetch_related("pgh_obj")} == {saved}
    assert (
        Events.objects.tracks(saved).count()
        == Events.objects.tracks(page.objects.all()).count()
        == 2
    )

    assert page.objects.as_of(created).get(pk=key).n == 0
    assert [(p.pk, p.n) for p in page.objects.as_of(created)] == [(key, 0)]
    assert diff(created, NOW).fields["n"].new == 1
    assert blame(saved)["n"].event.pgh_operation == "U"

    assert events.order_by("pgh_id").first().revert() == saved
    assert created.revert() == saved
    undo(Events.objects.get(pgh_operation="U", pgh_diff__n=[0, 1]), on_conflict="force").apply()
    revert(saved, to=created).apply()
    page.objects.get(pk=key).delete()
    deletion = Events.objects.get(pgh_operation="D")
    restore(deletion).apply()
    assert page.objects.get().pk == key
    page.objects.get().delete()
    revert(page(pk=key), to=created).apply()
    assert page.objects.get(pk=key).n == 0
    undo(Events.objects.filter(pgh_operation="I").order_by("-pgh_id").first()).apply(through="save")
    assert not page.objects.exists()


@LEVELS
def test_keys_that_begin_alike_are_two_objects(level: str, page: Any) -> None:
    one, two = "k" * 440 + "a" * 200, "k" * 440 + "b" * 200
    page.objects.create(url=one, n=1)
    page.objects.create(url=two, n=2)
    execute("UPDATE shop_page SET n = n + 10")
    assert [e.n for e in page.objects.get(pk=one).events.order_by("pgh_id")] == [1, 11]
    assert {e.pgh_obj.pk: e.n for e in page.pgh_event_model.objects.filter(n__gt=10)} == {
        one: 11,
        two: 12,
    }
    undo(page.objects.get(pk=two).events.get(n=12)).apply()
    assert dict(page.objects.values_list("pk", "n")) == {one: 11, two: 2}


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
def test_a_long_key_that_is_changed(level: str, page: Any) -> None:
    start, end = "s" * 700, "e" * 900
    page.objects.create(url="short", n=1)
    created = Events.objects.get()
    for old, new in [("short", start), (start, end)]:
        execute("UPDATE shop_page SET url = %s, n = n + 1 WHERE url = %s", [new, old])
    moves = list(Events.objects.filter(pgh_operation="U").order_by("pgh_id"))
    assert moves[1].pgh_refs == ["moved shop.Page", f"was shop.Page:{short_key(start)}"]
    saved = page.objects.get()
    assert [e.url for e in page.pgh_event_model.objects.timeline(saved)] == ["short", start, end]
    assert [p.pk for p in page.objects.as_of(moves[0])] == [start]
    assert page.objects.as_of(moves[0]).get(pk=start).n == 2
    assert not page.objects.as_of(moves[1]).filter(pk=start).exists()
    assert blame(saved)["n"].event == moves[1]
    undo(moves[1]).apply()
    assert page.objects.get().pk == start
    revert(page.objects.get(), to=created).apply()
    assert page.objects.get().n == 1


@pytest.mark.slow
@LEVELS
def test_a_composite_key_with_a_long_text(level: str) -> None:
    hall = make("Hall", code=models.TextField(primary_key=True))
    pgaudit_log.track(*EVERYTHING)(hall)
    install(hall)
    seat = tracked_table(
        "Seat",
        *EVERYTHING,
        pk=models.CompositePrimaryKey("hall", "row"),
        hall=models.ForeignKey(hall, models.CASCADE),
        row=models.IntegerField(),
        note=models.TextField(default=""),
    )
    for code in ("short", 'quo"te\\' * 100, "\x01" * 90, "ü" * 200, "x" * 495):
        owner = hall.objects.create(code=code)
        one = seat.objects.create(hall=owner, row=1)
        two = seat.objects.create(hall=owner, row=2)
        seat.objects.filter(hall=owner, row=2).update(note="x")
        events = seat.pgh_event_model.objects
        stored = events.filter(pgh_obj=two).values_list("pgh_obj_key", flat=True)[0]
        assert stored == key_text(
            (code, 2), [seat._meta.get_field("hall"), seat._meta.get_field("row")]
        )
        assert {e.pgh_obj for e in events.filter(pgh_obj__in=[one, two])} == {one, two}
        assert [e.pgh_obj_hall_id for e in two.events.all()] == [code, code]
        created = two.events.order_by("pgh_id").first()
        assert [s.note for s in seat.objects.as_of(created).filter(pk=(code, 2))] == [""]
        assert Events.objects.references(owner).count() == 3
        assert Events.objects.references(hall.objects.filter(pk=code)).count() == 3
        execute("UPDATE shop_seat SET row = 3 WHERE row = 2")
        move = Events.objects.order_by("-pgh_id").first()
        assert move.pgh_obj.row == 3
        assert [e.row for e in events.timeline(seat.objects.get(row=3))] == [2, 2, 3]
        undo(move).apply()
        assert seat.objects.get(row=2).note == "x"
        seat.objects.get(row=2).delete()
        restore(Events.objects.order_by("-pgh_id").first()).apply()
        assert seat.objects.get(row=2).note == "x"
        owner.delete()
        txid = Events.objects.order_by("-pgh_id").first()
        restore(
            Events.objects.filter(pgh_obj_model="shop.Hall", pgh_operation="D").latest("pgh_id")
        ).apply()
        assert (txid.pgh_operation, seat.objects.count()) == ("D", 2)
        seat.objects.all().delete()


@pytest.mark.slow
@LEVELS
def test_references_to_long_keys_and_to_long_unique_values(level: str) -> None:
    site = make(
        "Site",
        url=models.TextField(primary_key=True),
        slug=models.TextField(unique=True),
    )
    pgaudit_log.track(*EVERYTHING)(site)
    install(site)
    link = tracked_table(
        "Link",
        *EVERYTHING,
        site=models.ForeignKey(site, models.CASCADE, related_name="+"),
        by_slug=models.ForeignKey(
            site, models.SET_NULL, to_field="slug", null=True, related_name="+"
        ),
    )
    step = tracked_table("Step", *EVERYTHING, link=models.ForeignKey(link, models.CASCADE))
    url, slug = LONGEST, secrets.token_hex(1300)
    target = site.objects.create(url=url, slug=slug)
    pointing = link.objects.create(site=target, by_slug=target)
    step.objects.create(link=pointing)
    assert Events.objects.get(pgh_obj_model="shop.Link").pgh_refs == [
        f"shop.Site:{short_key(url)}",
        f"shop.Site.slug:{short_key(slug)}",
    ]
    for asked in (target, site.objects.all()):
        assert {e.pgh_obj for e in Events.objects.references(asked)} == {pointing}
        assert Events.objects.references(asked, depth=2, itself=True).count() == 3
    assert Events.objects.references(pointing, depth=1).count() == 1
    created = Events.objects.order_by("-pgh_id").first()
    assert link.objects.as_of(created).filter(site=target).count() == 1
    assert link.objects.as_of(created).filter(site__slug=slug).count() == 1
    target.delete()
    restore(Events.objects.get(pgh_obj_model="shop.Site", pgh_operation="D")).apply()
    assert link.objects.get().by_slug == site.objects.get()
    assert step.objects.count() == 1


def test_a_backfill_knows_long_keys(page: Any) -> None:
    execute("ALTER TABLE shop_page DISABLE TRIGGER USER")
    page.objects.create(url=LONGEST, n=1)
    page.objects.create(url="short", n=2)
    execute("ALTER TABLE shop_page ENABLE TRIGGER USER")
    for expected in (2, 0):
        assert backfill(page).events == expected
    assert {e.pgh_obj_id: e.n for e in page.pgh_event_model.objects.all()} == {
        LONGEST: 1,
        "short": 2,
    }


def test_the_past_of_a_long_key_that_is_older_than_its_tracking(page: Any) -> None:
    execute("ALTER TABLE shop_page DISABLE TRIGGER USER")
    page.objects.create(url=LONGEST)
    execute("ALTER TABLE shop_page ENABLE TRIGGER USER")
    with pytest.raises(pgaudit_log.exceptions.UnknownPastError, match="older than its tracking"):
        page.objects.as_of(timezone.now()).get(pk=LONGEST)
    with pytest.raises(page.DoesNotExist):
        page.objects.as_of(timezone.now()).get(pk=LONGEST + "x")


def test_a_manual_event_of_a_long_key(page: Any) -> None:
    saved = page.objects.create(url=LONGEST)
    event: Any = pgaudit_log.create_event(saved, label="update")
    assert (event.pgh_obj, event.pgh_obj_key) == (saved, short_key(LONGEST))


def test_the_command_line_takes_long_keys(page: Any) -> None:
    page.objects.create(url=LONGEST)
    out = io.StringIO()
    arguments = ["--model", "shop.Page", "--object", LONGEST, "--json"]
    call_command("pgaudit_log", "trail", *arguments, stdout=out)
    assert f'"object": "{short_key(LONGEST)}"' in out.getvalue()


@LEVELS
def test_a_long_key_that_is_not_tracked_is_read_back(level: str) -> None:
    page = tracked_table(
        "Page",
        *EVERYTHING,
        track={"fields": ["n"]},
        url=models.TextField(primary_key=True),
        n=models.IntegerField(),
    )
    saved = page.objects.create(url=LONGEST, n=1)
    page.objects.update(n=2)
    [first, second] = page.pgh_event_model.objects.filter(pgh_obj=saved).order_by("pgh_id")
    assert (first.n, second.n, first.pgh_obj_id) == (1, 2, LONGEST)
    assert page.objects.as_of(first).get(pk=LONGEST).n == 1
    revert(saved, to=first).apply()
    assert page.objects.get().n == 1
    page.objects.all().delete()
    revert(saved, to=first).apply()
    assert page.objects.get() == saved


@LEVELS
def test_a_child_whose_inherited_key_is_long(level: str, page: Any) -> None:
    child = tracked_table("Child", *EVERYTHING, bases=(page,), extra=models.IntegerField(default=0))
    saved = child.objects.create(url=LONGEST, n=1, extra=2)
    page.objects.update(n=5)
    events = list(saved.events.order_by("pgh_id"))
    assert {e.pgh_obj_id for e in events} == {LONGEST}
    assert {e.pgh_obj for e in events} == {saved}
    assert (events[-1].n, events[-1].extra) == (5, 2)


def test_keys_that_cannot_be_long_are_rendered_as_before() -> None:
    from pgaudit_log.values.key_sql import row_key_sql

    for field in (
        models.BigAutoField(primary_key=True),
        models.UUIDField(primary_key=True),
        models.DateTimeField(primary_key=True),
        models.DecimalField(max_digits=20, decimal_places=2, primary_key=True),
        models.CharField(max_length=125, primary_key=True),
    ):
        assert "sha256" not in row_key_sql(
            "new", make(f"Keyed{type(field).__name__}", id=field), connection
        )
    long = models.CharField(max_length=126, primary_key=True)
    assert "sha256" in row_key_sql("new", make("Other", id=long), connection)


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", ["undo I", "undo U", "undo D", "undo a new key", "revert", "restore"]
)
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("through", ["sql", "save"])
def test_going_back_finds_a_row_by_its_key_and_looks_at_no_other(
    way: str, parts: int, through: str
) -> None:
    long = LONGEST[:2000]
    key: dict[str, Any] = {"url": models.TextField(primary_key=parts == 1)}
    if parts == 2:
        key |= {"pk": models.CompositePrimaryKey("url", "site"), "site": models.IntegerField()}
    page = tracked_table("Page", *EVERYTHING, n=models.IntegerField(default=0), **key)
    with pgaudit_log.context() as inserting:
        one = page.objects.create(url=long, **({"site": 1} if parts == 2 else {}))
    with pgaudit_log.context() as changing:
        if way == "undo a new key":
            page.objects.update(url=long[::-1])
        elif way != "undo I":
            page.objects.update(n=1)
    if way in ("undo D", "restore"):
        page.objects.all().delete()
    newest = Events.objects.latest("pgh_id")
    with CaptureQueriesContext(connection) as found:
        plan = {
            "undo I": lambda: undo(context=inserting),
            "undo U": lambda: undo(context=changing),
            "undo D": lambda: undo(newest),
            "undo a new key": lambda: undo(context=changing),
            "revert": lambda: revert(one, to=one.events.earliest("pgh_id")),
            "restore": lambda: restore(newest),
        }[way]()
        assert plan.steps
        if way != "undo a new key":
            plan.apply(through=through)
        else:
            plan.apply()
    scans = [query["sql"] for query in found if "= wanted.obj_pk" in query["sql"]]
    assert scans == []
    expected = {"undo I": [], "undo U": [(long, 0)], "undo a new key": [(long, 0)]}
    assert list(page.objects.values_list("url", "n")) == expected.get(
        way, [(long, 0 if way == "revert" else 1)]
    )
