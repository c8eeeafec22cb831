"""Going back runs no code of a model's own, unless save() was asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.core.management import call_command
from django.db import models
from django.db.models import signals
from django.db.models.functions import Lower
from django_fsm import FSMField

import pgaudit_log
from pgaudit_log.models import Events
from pgaudit_log.reversal import Kind, restore, revert, undo
from tests.going_back import Copies, Tables, event_of, tables
from tests.support import execute

pytestmark = pytest.mark.django_db


class ForbiddenError(Exception):
    """Code of the model's own was run."""


def forbidden(*args: Any, **kwargs: Any) -> Any:
    raise ForbiddenError


class ForbiddenDescriptor:
    """What a field of its own may put where its value is."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        raise ForbiddenError

    def __set__(self, instance: Any, value: Any) -> None:
        raise ForbiddenError


class StrictField(models.TextField):  # type: ignore[type-arg]
    descriptor_class = ForbiddenDescriptor
    default_validators = [forbidden]
    pre_save = clean = validate = value_from_object = forbidden


class ForbiddenStorage(Storage):
    _open = _save = delete = exists = size = url = path = generate_filename = forbidden


class HidingManager(models.Manager[Any]):
    get_queryset = forbidden


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def t(made: Tables) -> Iterator[SimpleNamespace]:
    """A model all whose code raises, and one that points at it, with constraints of each kind."""
    code = dict.fromkeys(
        ["__init__", "__str__", "__eq__", "save", "save_base", "delete", "clean", "full_clean"],
        forbidden,
    ) | {"clean_fields": forbidden, "refresh_from_db": forbidden, "__hash__": forbidden}
    strict = made.make(
        "Strict",
        name=StrictField(),
        given=StrictField(default="given"),
        file=models.FileField(storage=ForbiddenStorage(), default="none.txt"),
        image=models.ImageField(storage=ForbiddenStorage(), width_field="width", null=True),
        width=models.IntegerField(null=True),
        state=FSMField(default="new", protected=True),
        changed_at=models.DateTimeField(auto_now=True),
        objects=HidingManager(),
        from_db=classmethod(forbidden),
        Meta={
            "constraints": [
                models.UniqueConstraint("state", Lower("name"), name="by_lower"),
                models.UniqueConstraint(
                    fields=["name"], condition=models.Q(state="new"), name="new_by_name"
                ),
            ]
        },
        track={"exclude": ["given", "changed_at"]},
        **code,
    )
    pointing = made.make("Pointing", to=models.ForeignKey(strict, models.CASCADE), **code)
    listened = [signals.pre_init, signals.post_init, signals.pre_save, signals.post_save]
    listened += [signals.pre_delete, signals.post_delete]
    for signal in listened:
        for model in (strict, pointing):
            signal.connect(forbidden, sender=model)
    try:
        yield SimpleNamespace(strict=strict, pointing=pointing)
    finally:
        for signal in listened:
            for model in (strict, pointing):
                signal.disconnect(forbidden, sender=model)


def add(t: SimpleNamespace, name: str = "a") -> int:
    """Insert a row, and one that points at it; return the key of the first."""
    [(key,)] = execute(
        "INSERT INTO shop_strict (name, given, file, image, width, state, changed_at)"
        " VALUES (%s, 'x', 'gone.txt', 'gone.png', NULL, 'new', now()) RETURNING id",
        [name],
    )
    execute("INSERT INTO shop_pointing (to_id) VALUES (%s)", [key])
    return int(key)


def remove() -> Any:
    """Delete all rows, and return the event of the first's deletion."""
    execute("DELETE FROM shop_pointing")
    execute("DELETE FROM shop_strict")
    return event_of(SimpleNamespace(_meta=SimpleNamespace(label="shop.Strict")), "D")


def shown(plan: Any) -> None:
    """Show a plan in each way that there is."""
    assert str(plan) and repr(plan) and plan.as_dict() and str(plan.steps) and plan.is_applicable


UPDATE = "UPDATE shop_strict SET name = 'b', state = 'done', image = 'other.png', width = 3"


@pytest.mark.parametrize("way", ["event", "transaction", "context"])
def test_an_undo_runs_none(t: SimpleNamespace, way: str) -> None:
    add(t)
    copies = Copies(t.strict)
    with pgaudit_log.context() as context:
        execute(UPDATE)
    event = event_of(t.strict, "U")
    plan = {
        "event": lambda: undo(event),
        "transaction": lambda: undo(txid=event.pgh_txid),
        "context": lambda: undo(context=context),
    }[way]()
    shown(plan)
    if way != "transaction":
        # All of a test is one transaction, which made the row, too.
        plan.apply()
        assert copies.differences() == []


def test_an_undo_of_an_insert_and_its_undo_run_none(t: SimpleNamespace) -> None:
    with pgaudit_log.context() as context:
        add(t)
    copies = Copies(t.pointing)
    plan = undo(context=context)
    shown(plan)
    with pgaudit_log.context() as again:
        plan.apply()
    assert execute("SELECT count(*) FROM shop_strict") == [(0,)]
    plan = undo(context=again)
    shown(plan)
    plan.apply()
    assert copies.differences() == []
    # What is not tracked has its default.
    [row] = execute("SELECT given, file, image FROM shop_strict")
    assert row == ("given", "gone.txt", "gone.png")


def test_a_restore_runs_none(t: SimpleNamespace) -> None:
    add(t)
    plan = restore(remove(), values={"shop.Strict.given": "by hand"})
    shown(plan)
    plan.apply()
    assert execute("SELECT name, given, width FROM shop_strict") == [("a", "by hand", None)]
    assert execute("SELECT count(*) FROM shop_pointing") == [(1,)]


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_revert_runs_none(t: SimpleNamespace, is_gone: bool) -> None:
    key = add(t)
    event = event_of(t.strict, "I")
    if is_gone:
        remove()
    else:
        execute(UPDATE)
    obj = t.strict.__new__(t.strict)
    obj._state = models.base.ModelState()
    obj.__dict__["id"] = key
    plan = revert(obj, to=event)
    shown(plan)
    plan.apply()
    assert execute("SELECT name, state FROM shop_strict") == [("a", "new")]


@pytest.mark.parametrize("command", ["revert", "undo", "restore"])
@pytest.mark.parametrize("as_json", [False, True])
def test_the_commands_run_none(t: SimpleNamespace, command: str, as_json: bool) -> None:
    key = add(t)
    insertion = event_of(t.strict, "I")
    what: list[Any]
    if command == "restore":
        what = [remove().pgh_id]
    else:
        execute(UPDATE)
        what = (
            [event_of(t.strict, "U").pgh_id]
            if command == "undo"
            else ["shop.Strict", key, "--to-event", insertion.pgh_id]
        )
    out = io.StringIO()
    options = ["--json"] if as_json else []
    call_command("pgaudit_log", command, *map(str, what), "--apply", *options, stdout=out)
    assert execute("SELECT name, state FROM shop_strict") == [("a", "new")]


@pytest.mark.parametrize(("name", "constraints"), [("A", ["by_lower"]), ("a", ["by_lower", "new"])])
def test_constraints_are_looked_at_without_it(
    t: SimpleNamespace, name: str, constraints: list[str]
) -> None:
    add(t)
    deletion = remove()
    add(t, name)
    plan = restore(deletion)
    assert {found.kind for found in plan.obstacles} == {Kind.TAKEN}
    assert [c for c in constraints if c in str(plan.obstacles)] == constraints


def test_the_names_of_fields_do_not_matter(made: Tables) -> None:
    fields = {name: models.IntegerField(default=1) for name in ("unknown", "state", "values")}
    constraint = models.UniqueConstraint(
        fields=["unknown"], condition=models.Q(state=1, values=1), name="one"
    )
    thing = made.make("Thing", **fields, Meta={"constraints": [constraint]})
    thing.objects.create()
    thing.objects.all().delete()
    plan = restore(event_of(thing, "D"))
    assert plan.is_applicable
    thing.objects.create()
    assert not restore(event_of(thing, "D")).is_applicable


def test_an_image_whose_file_is_gone_is_no_matter(made: Tables, tmp_path: Path) -> None:
    thing = made.make(
        "Thing",
        image=models.ImageField(
            storage=FileSystemStorage(tmp_path), width_field="w", height_field="h"
        ),
        w=models.IntegerField(null=True),
        h=models.IntegerField(null=True),
        Meta={
            "constraints": [
                models.UniqueConstraint(fields=["w"], condition=models.Q(h=1), name="one")
            ]
        },
    )
    one = thing(w=1, h=1)
    one.image.save("a.gif", ContentFile(GIF), save=False)
    one.save()
    copies = Copies(thing)
    thing.objects.update(image="b.gif")
    update = event_of(thing, "U")
    for path in tmp_path.iterdir():
        path.unlink()
    assert update.can_revert
    undo(update).apply()
    assert copies.differences() == []
    thing.objects.update(image="b.gif")
    Events.objects.filter(pgh_operation="I").latest("pgh_id").revert()
    assert copies.differences() == []
    execute("DELETE FROM shop_thing")
    restore(event_of(thing, "D")).apply()
    assert copies.differences() == []


@pytest.mark.parametrize("exclude", [[], ["w", "h"]])
def test_the_measures_of_an_image_go_back_with_it_through_save(
    made: Tables, tmp_path: Path, exclude: list[str]
) -> None:
    thing = made.make(
        "Thing",
        track={"exclude": exclude},
        image=models.ImageField(
            storage=FileSystemStorage(tmp_path), width_field="w", height_field="h"
        ),
        w=models.IntegerField(null=True),
        h=models.IntegerField(null=True),
    )
    one = thing()
    one.image.save("a.gif", ContentFile(GIF))
    thing.objects.update(w=1, h=1)
    copies = Copies(thing)
    thing.objects.update(image="b.gif", w=7, h=8)
    (tmp_path / "b.gif").write_bytes(GIF)
    undo(event_of(thing, "U")).apply(through="save")
    assert copies.differences() == []


GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002")
GIF += bytes.fromhex("02440100 3b")


def test_a_protected_state_goes_back(made: Tables) -> None:
    thing = made.make(
        "Thing",
        state=FSMField(default="new", protected=True),
        n=models.IntegerField(),
        Meta={
            "constraints": [
                models.UniqueConstraint(fields=["n"], condition=models.Q(state="new"), name="one")
            ]
        },
    )
    one = thing.objects.create(n=1)
    copies = Copies(thing)
    thing.objects.update(state="done")
    event_of(thing, "I").revert()
    assert copies.differences() == []
    thing.objects.update(state="done")
    undo(event_of(thing, "U")).apply()
    assert copies.differences() == []
    one.delete()
    restore(event_of(thing, "D")).apply()
    assert copies.differences() == []
