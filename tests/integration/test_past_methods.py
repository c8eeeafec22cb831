"""Time travel: every public method of objects, managers and querysets of the past.

They are found by looking, not listed: whatever a new Django adds has to answer as it did then, or
to refuse. One that is called in an unknown way fails here, too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.db import models, transaction
from django.db.models.manager import BaseManager

import pgaudit_log
from pgaudit_log import timetravel
from pgaudit_log.exceptions import QueryError, ReadOnlyError
from pgaudit_log.testing import isolated
from tests.moments import now
from tests.support import execute
from tests.tables import install, make, tracked_table

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

TABLES = ["author", "author_friends", "novel", "book", "profile", "tag", "plain"]

LEFT_OUT = {
    # What builds classes out of them, and reads nothing.
    "as_manager",
    "from_queryset",
    "contribute_to_class",
    "deconstruct",
    "check",
    # An expression of it stands in other queries.
    "resolve_expression",
    # Its answer is a plan.
    "explain",
    "aexplain",
}


class World:
    """An author with all that belongs to it, as it is then, and as it is today."""

    def __init__(self) -> None:
        self.storage = InMemoryStorage()
        self.tag = tracked_table(
            "Tag",
            word=models.TextField(),
            content_type=models.ForeignKey(ContentType, models.CASCADE),
            object_id=models.PositiveIntegerField(),
            target=GenericForeignKey(),
        )
        self.author = make(
            "Author",
            name=models.TextField(),
            kind=models.CharField(max_length=9, choices=[("p", "poet"), ("t", "today")]),
            born=models.DateField(),
            photo=models.FileField(storage=self.storage, upload_to="photos"),
            friends=models.ManyToManyField("self"),
            tags=GenericRelation(self.tag),
            total=lambda self: type(self).objects.count(),
            others=lambda self: self.__class__._base_manager.exclude(pk=self.pk),
            new_one=lambda self: type(self)(name="new"),
            born_before=staticmethod(lambda day: self.author.objects.filter(born__lt=day)),
            youngest=classmethod(lambda cls: cls.objects.latest("born")),
            each_name=lambda self: (a.name for a in type(self).objects.order_by("pk")),
            log=lambda self: self.plain_set.model.objects.create(author=self),
            first_book=property(lambda self: self.book_set.model.objects.order_by("pk").first()),
        )
        pgaudit_log.track()(self.author)
        self.through = self.author.friends.through
        pgaudit_log.track()(self.through)
        install(self.author)
        install(self.through, create=False)
        self.book = tracked_table(
            "Book",
            author=models.ForeignKey(self.author, models.CASCADE, null=True),
            title=models.TextField(),
            at=models.DateTimeField(),
            Meta={"order_with_respect_to": "author"},
        )
        self.novel = tracked_table("Novel", bases=(self.book,), plot=models.TextField())
        self.profile = tracked_table(
            "Profile",
            author=models.OneToOneField(self.author, models.CASCADE),
            text=models.TextField(),
        )
        self.plain = make("Plain", author=models.ForeignKey(self.author, models.CASCADE))
        install(self.plain)

    def fill(self) -> None:
        self.ada, self.bob, self.cyd = (
            self.author.objects.create(
                name=name, kind="p", born=f"190{n}-01-01", photo=f"photos/{name}"
            )
            for n, name in enumerate(["Ada", "Bob", "Cyd"])
        )
        self.storage.save("photos/Ada", ContentFile(b"then"))
        self.ada.friends.add(self.bob)
        self.books = [
            self.book.objects.create(author=self.ada, title=t, at=f"200{n}-01-01T00:00Z")
            for n, t in enumerate(["one", "two", "three"])
        ]
        self.keys = [book.pk for book in self.books]
        self.made = self.novel.objects.create(
            author=self.ada, title="four", plot="old", at="2009-01-01T00:00Z"
        )
        self.profile.objects.create(author=self.ada, text="old")
        self.tag.objects.create(word="old", target=self.ada)
        self.plain.objects.create(author=self.ada)
        self.stray = self.book.objects.create(title="stray", at="2008-01-01T00:00Z")

    def move_on(self) -> None:
        self.ada.set_book_order([book.pk for book in reversed(self.books)])
        self.books[1].delete()
        self.book.objects.update(title="today", at="2020-01-01T00:00Z")
        self.novel.objects.update(plot="today")
        self.profile.objects.update(text="today")
        self.tag.objects.update(word="today")
        self.tag.objects.create(word="today", target=self.ada)
        self.author.objects.create(name="today", kind="t", born="1950-01-01", photo="x")
        self.ada.friends.set([self.cyd])
        self.author.objects.update(name="today", kind="t", born="1960-01-01")
        self.book.objects.create(author=self.ada, title="today", at="2021-01-01T00:00Z")

    def required(self, method: str, target: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a method that takes any number of them."""
        model = getattr(target, "model", None)
        new = {
            self.book: {"title": "new", "at": "2001-01-01T00:00Z"},
            self.author: {"name": "new", "born": "1901-01-01", "kind": "p", "photo": "x"},
            self.tag: {"word": "new"},
            self.plain: {"pk": 77},
        }.get(model, {})  # type: ignore[arg-type]
        other = {self.book: self.stray, self.author: self.cyd}.get(model, self.tag(word="new"))  # type: ignore[arg-type]
        # Of today, as whoever holds it may have it; the object of the past is that which is asked.
        match method.removeprefix("a") if method.startswith("a") and method != "add" else method:
            case "dd" | "add":
                bulk = {} if model in (self.author, None) else {"bulk": False}
                return (other,), bulk
            case "create" | "get_or_create" | "update_or_create":
                return (), new
            case "update":
                return (), {next(iter(new)): next(iter(new.values()))}
            case "remove":
                return (model.objects.order_by("pk").first(),), {}  # type: ignore[union-attr]
            case "ggregate" | "aggregate":
                return (models.Count("pk"), models.Max("pk")), {}
            case "earliest" | "latest":
                return ("pk",), {}
        return (), {}

    def by_name(self, parameter: str, target: Any) -> Any:
        """Return the argument for a required parameter."""
        model = getattr(target, "model", None) or type(target)
        day = "at" if issubclass(model, self.book) else "born"
        if not any(f.name == day for f in model._meta.fields):
            day = "at"
        found: dict[str, Any] = {
            "id_list": self.keys,
            "objs": [model.objects.order_by("pk").first()],
            "obj": model.objects.order_by("pk").first(),
            "fields": [f.name for f in model._meta.fields if isinstance(f, models.TextField)],
            "field": self.profile._meta.get_field("author"),
            "field_name": day,
            "field_names": ["id"],
            "instances": [target.instance] if hasattr(target, "instance") else [],
            "kind": "year",
            "filter_obj": {},
            "raw_query": f"SELECT * FROM {model._meta.db_table}",
            "alias": "default",
            "using": "default",
            "db": "default",
            "values": [1],
            "model_class": model,
            "unique_check": ("id",),
            "lookup_type": "date",
            "unique_for": "id",
            "day": "1950-01-01",
            "mode": getattr(models, "FETCH_ONE", None),
        }
        assert parameter in found, f"{parameter}: say in this test what to call it with"
        return found[parameter]


@pytest.fixture
def world() -> Iterator[World]:
    with isolated():
        world = World()
        ContentType.objects.clear_cache()
        world.fill()
        yield world
        ContentType.objects.clear_cache()


def digest() -> list[Any]:
    """Return all rows of today."""
    tables = (f"SELECT '{name}', t::text FROM shop_{name} AS t" for name in TABLES)
    return execute(" UNION ALL ".join(tables) + " ORDER BY 1, 2")


def called(world: World, target: Any, name: str) -> Any:
    """Call the method of ``target`` and return what comes back, read to its end."""
    method = getattr(target, name)
    args, kwargs = world.required(name, target)
    if not args and not kwargs:
        parameters = inspect.signature(method).parameters.values()
        args = tuple(
            world.by_name(p.name, target)
            for p in parameters
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        )
    return plain(method(*args, **kwargs))


def plain(value: Any) -> Any:
    """Return what a method gave as plain values."""
    if inspect.isawaitable(value):
        return plain(async_to_sync(_awaited)(value))
    if inspect.isasyncgen(value):
        return sorted((plain(inner) for inner in async_to_sync(_listed)(value)), key=repr)
    if isinstance(value, models.Model):
        fields = [f.attname for f in value._meta.concrete_fields]
        return value._meta.label, [value.__dict__.get(name) for name in fields]
    if isinstance(value, BaseManager):
        return plain(value.all())
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, models.QuerySet) or inspect.isgenerator(value):
        return sorted((plain(inner) for inner in value), key=repr)
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    # What has no value to compare by: functions and errors.
    return (
        value if isinstance(value, str | int | None) or hasattr(value, "year") else str(type(value))
    )


async def _awaited(value: Any) -> Any:
    return await value


async def _listed(value: Any) -> list[Any]:
    return [inner async for inner in value]


def outcome(world: World, target: Any, name: str) -> tuple[Any, bool]:
    """Return what calling gives or raises, and whether it wrote; that is taken back."""
    try:
        with transaction.atomic():
            before = digest()
            found: Any = None
            try:
                with transaction.atomic():
                    found = called(world, target, name)
            except (ReadOnlyError, QueryError):
                found = "refused"
            except AssertionError:
                raise
            except Exception as error:
                found = type(error)
            raise _TakenBackError(found, digest() != before)
    except _TakenBackError as taken_back:
        return taken_back.args


class _TakenBackError(Exception):
    pass


def methods(cls: type[Any]) -> Iterator[str]:
    for name in dir(cls):
        attribute = inspect.getattr_static(cls, name)
        if (
            not name.startswith("_")
            and name not in LEFT_OUT
            and not isinstance(attribute, type | property)
            and (
                callable(attribute) or hasattr(attribute, "func") or hasattr(attribute, "__func__")
            )
        ):
            yield name


# Each finds a target from the objects of a moment, today's or those of the past.
TARGETS: dict[str, Callable[[World, Callable[[Any], Any]], Any]] = {
    "object": lambda world, rows: rows(world.author).get(pk=world.ada.pk),
    "child": lambda world, rows: rows(world.novel).get(pk=world.made.pk),
    "ordered object": lambda world, rows: rows(world.book).get(pk=world.books[0].pk),
    "tag": lambda world, rows: rows(world.tag).get(word="old"),
    "reverse foreign key": lambda world, rows: rows(world.author).get(pk=world.ada.pk).book_set,
    "many to many": lambda world, rows: rows(world.author).get(pk=world.ada.pk).friends,
    "generic relation": lambda world, rows: rows(world.author).get(pk=world.ada.pk).tags,
    "relation of what is untracked": lambda world, rows: (
        rows(world.author).get(pk=world.ada.pk).plain_set
    ),
    "prefetched": lambda world, rows: (
        rows(world.author).prefetch_related("book_set").get(pk=world.ada.pk).book_set
    ),
    "queryset": lambda world, rows: rows(world.author).all(),
    "queryset of relation": lambda world, rows: (
        rows(world.author).get(pk=world.ada.pk).book_set.all()
    ),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_each_method_answers_as_it_did_then_or_refuses(world: World, kind: str) -> None:
    find = TARGETS[kind]
    then = find(world, lambda model: model.objects.all())
    names = list(methods(type(then)))
    assert len(names) > 10
    answers = {}
    for name in names:
        # Anew for each, because what they are asked for they keep.
        answers[name] = outcome(world, find(world, lambda model: model.objects.all()), name)
    raised = [name for name, (found, _) in answers.items() if isinstance(found, type)]
    assert len(raised) <= 12, f"hardly anything is asked: {raised}"
    moment = now()
    world.move_on()
    wrong = []
    for name in names:
        past = find(world, lambda model: model.objects.as_of(moment))
        found, changed = outcome(world, past, name)
        expected, wrote = answers[name]
        if changed or (found != "refused" and (wrote or found != expected)):
            wrong.append((name, found, changed, expected, wrote))
    assert wrong == []


def test_in_a_block_managers_answer_as_they_did_then(world: World) -> None:
    names = list(methods(type(world.author.objects)))
    answers = {name: outcome(world, world.author.objects, name) for name in names}
    moment = now()
    world.move_on()
    for name in names:
        with timetravel.as_of(moment):
            found, _ = outcome(world, world.author.objects, name)
        expected, wrote = answers[name]
        if found != "refused" and name not in ("raw", "select_for_update"):
            assert not wrote
            assert found == expected, name


@pytest.fixture
def past(world: World) -> Any:
    moment = now()
    world.move_on()
    return world.author.objects.as_of(moment).get(pk=world.ada.pk)


def test_the_file_of_an_object_of_the_past_stays_as_it_is(world: World, past: Any) -> None:
    for write in (
        lambda: past.photo.delete(),
        lambda: past.photo.delete(save=False),
        lambda: past.photo.save("photos/Ada", ContentFile(b"new")),
    ):
        with pytest.raises(ReadOnlyError, match="how it was at"):
            write()
    assert world.storage.open("photos/Ada").read() == b"then"
    assert world.storage.listdir("photos")[1] == ["Ada"]
    assert past.photo.read() == b"then"


def test_what_a_method_returns_is_of_the_past_when_it_is_read(world: World, past: Any) -> None:
    assert past.total() == 3
    assert {other.name for other in past.others()} == {"Bob", "Cyd"}
    assert past.others().filter(name="today").count() == 0
    assert list(past.each_name()) == ["Ada", "Bob", "Cyd"]
    assert [book.title for book in past.others().first().book_set.all()] == []
    assert past.first_book.title == "one"
    assert [a.name for a in past.born_before("1901-01-01")] == ["Ada"]
    assert past.youngest().name == "Cyd"
    assert list(past.get_book_order()) == [*world.keys, world.made.pk]
    assert past.book_set.first().get_next_in_order().title == "two"


def test_a_method_of_the_past_writes_to_no_table(world: World, past: Any) -> None:
    before = digest()
    with pytest.raises(ReadOnlyError), transaction.atomic():
        past.log()
    with pytest.raises(ReadOnlyError), transaction.atomic():
        past.set_book_order(world.keys)
    with pytest.raises(ReadOnlyError), transaction.atomic():
        past.book_set.add(world.stray, bulk=False)
    for name in ("add", "set", "remove", "clear"):
        with pytest.raises(ReadOnlyError, match="can only be read"):
            getattr(past.friends, name)()
    assert digest() == before
    assert past.new_one()._state.db is None


def test_a_method_that_returns_sql_by_hand_is_refused(world: World, past: Any) -> None:
    world.author.by_hand = lambda self: type(self).objects.raw("SELECT * FROM shop_author")
    world.author._meta._expire_cache()
    past.refresh_from_db()
    again = world.author.objects.as_of(past._state.db.moment).get(pk=past.pk)
    with pytest.raises(QueryError, match="as it is today"):
        again.by_hand()


def test_events_that_are_reached_from_the_past_are_events_as_ever(world: World, past: Any) -> None:
    assert past.events.count() == world.author.objects.get(pk=past.pk).events.count()
    inserted = past.events.get(pgh_label="insert")
    assert inserted.revert().name == "Ada"
    assert past.events.latest("pgh_id").pgh_diff["name"] == ["today", "Ada"]


def test_sql_by_hand_in_a_method_reads_today_and_writes_nothing(world: World, past: Any) -> None:
    world.author.sql = lambda self, sql: execute(sql)
    world.author._meta._expire_cache()
    again = world.author.objects.as_of(past._state.db.moment).get(pk=past.pk)
    assert again.sql("SELECT name FROM shop_author LIMIT 1") == [("today",)]
    before = digest()
    for sql in (
        "UPDATE shop_author SET name = 'x'",
        "\n /* a */ delete from shop_tag",
        "WITH gone AS (DELETE FROM shop_tag RETURNING 1) SELECT * FROM gone",
        "TRUNCATE shop_tag",
    ):
        with (
            pytest.raises(ReadOnlyError, match="Author as of .* SQL by hand"),
            transaction.atomic(),
        ):
            again.sql(sql)
    assert again.sql("WITH a AS (SELECT 1 AS updated) SELECT * FROM a") == [(1,)]
    assert digest() == before


def test_an_object_of_the_past_passes_for_one_of_its_model(world: World, past: Any) -> None:
    assert isinstance(past, world.author)
    assert past.__class__ is world.author
    assert past == world.author.objects.get(pk=past.pk)
    assert repr(past) == repr(world.ada)
    assert past._meta.model is world.author
    assert ContentType.objects.get_for_model(past).model_class() is world.author
