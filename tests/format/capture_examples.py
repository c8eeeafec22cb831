"""Examples of captures: models and trackers of each kind that makes a capture function another one.

``captures_v1.json`` has what migrations of them hold, and hashes of the SQL that is made of that. Only new
examples may come to it, with ``django-admin shell -c "from tests.format.capture_examples import *; freeze()"``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, HStoreField
from django.db import models
from django.test.utils import isolate_apps

import pgaudit_log
from pgaudit_log import AllChange, AllDontChange, AnyChange, AnyDontChange, Condition, Q
from pgaudit_log.capture_v1 import AddCaptureTriggers
from pgaudit_log.capture_v1.compiled import CompiledTrigger
from pgaudit_log.triggers.trigger import CaptureTrigger
from tests.tables import EVERYTHING, SqlField, make

CONDITIONS = {
    "any": AnyChange("name"),
    "any of two": AnyChange("name", "total"),
    "any but": AnyChange(exclude=["total"]),
    "any but automatic": AnyChange(exclude_auto=True),
    "any of none": AnyChange("name", exclude=["name"]),
    "not any": ~AnyChange("name"),
    "any stays": AnyDontChange("name", "total"),
    "all": AllChange("name", "total"),
    "all of all": AllChange(),
    "all but": AllChange(exclude=["id"]),
    "all stay": AllDontChange("name", "total"),
    "not all": ~AllChange("name", "total"),
    "always": None,
    "free": Condition("NEW.name <> OLD.name -- a remark ü, 100 % \\"),
    "free, of lines": Condition("NEW.total > 3\n    AND OLD.* IS DISTINCT FROM NEW.*\n"),
    "free, without columns": Condition("now() > '2020-01-01'"),
    "lookup": Q(new__name="it's %s") & ~Q(old__total=pgaudit_log.F("new__total")),
}


def _models() -> Iterator[type[models.Model]]:
    """Yield a model of each kind."""
    yield make("Plain", name=models.CharField(max_length=50))
    yield make(
        "Wide",
        **{f"a_column_with_a_long_name_{n:02}": models.IntegerField(null=True) for n in range(30)},
    )
    yield make(
        "Kinds",
        amount=models.DecimalField(max_digits=10, decimal_places=2),
        ratio=models.FloatField(),
        document=models.JSONField(),
        pairs=HStoreField(),
        price=SqlField("money"),
        numbers=ArrayField(models.IntegerField()),
        raws=ArrayField(models.BinaryField()),
        span=DateTimeRangeField(),
        at=models.DateTimeField(),
        took=models.DurationField(),
        raw=models.BinaryField(),
        word=SqlField("citext"),
        page=SqlField("xml"),
        collated=models.CharField(max_length=9, db_collation="C"),
        blank=SqlField("char(4)"),
        time=SqlField("time with time zone"),
        a_document_with_a_long_name_beyond_what_a_line_holds=models.JSONField(),
    )
    yield make("Tëst", naïve=models.TextField(), Meta={"db_table": 'shop_ü "q"'})
    yield make(
        "Odd",
        field=models.IntegerField(db_column='we"ird'),
        other=models.IntegerField(db_column="it's 100 % \\ @schema@ {here}"),
        Meta={"db_table": "shop_100%"},
    )
    yield make("ByText", code=models.TextField(primary_key=True))
    yield make("ByLength", code=models.CharField(primary_key=True, max_length=300))
    yield make("ByCode", code=models.CharField(primary_key=True, max_length=5))
    yield make("ByUuid", code=models.UUIDField(primary_key=True))
    yield make("ByDay", day=models.DateField(primary_key=True), n=models.IntegerField())
    yield make("ByNumber", n=models.DecimalField(primary_key=True, max_digits=5, decimal_places=1))
    yield make("ByRatio", n=models.FloatField(primary_key=True), name=models.TextField())
    yield make("ByMoment", at=models.DateTimeField(primary_key=True), name=models.TextField())
    yield make("BySpan", span=DateTimeRangeField(primary_key=True), name=models.TextField())
    yield make(
        "ByTwo",
        tenant=models.IntegerField(),
        code=models.CharField(max_length=20),
        pk=models.CompositePrimaryKey("tenant", "code"),
    )
    by_long = make(
        "ByTwoLong",
        code=models.CharField(max_length=400),
        tenant=models.IntegerField(),
        pk=models.CompositePrimaryKey("tenant", "code"),
    )
    yield by_long
    yield make(
        "ByTwoAny",
        a=models.TextField(),
        b=SqlField("xml"),
        pk=models.CompositePrimaryKey("a", "b"),
    )
    country = make(
        "Country",
        code=models.CharField(max_length=2, unique=True),
        name=models.TextField(unique=True),
    )
    yield make(
        "Pointing",
        target=models.ForeignKey("ByText", models.CASCADE),
        day=models.ForeignKey("ByDay", models.CASCADE, null=True),
        own=models.ForeignKey("self", models.CASCADE, null=True, db_column="own's"),
        country=models.ForeignKey(country, models.CASCADE, to_field="code", related_name="+"),
        named=models.ForeignKey(country, models.CASCADE, to_field="name", related_name="+"),
        tenant=models.IntegerField(),
        code=models.CharField(max_length=400),
        both=models.ForeignObject(
            by_long, models.CASCADE, from_fields=["code", "tenant"], to_fields=["code", "tenant"]
        ),
    )
    yield make("PointingOnce", target=models.ForeignKey("Plain", models.CASCADE))
    yield make(
        "Long",
        note=models.TextField(),
        blank=SqlField("char(4)"),
        document=models.JSONField(),
        word=SqlField("citext"),
    )
    yield make(
        "Masked",
        name=models.CharField(max_length=50),
        mail=models.CharField(max_length=50),
        price=SqlField("money"),
        document=models.JSONField(),
        odd=models.TextField(db_column="it's 100 % \\ @shape@ {here}"),
        target=models.ForeignKey("Plain", models.CASCADE),
    )
    conditioned = make(
        "Conditioned",
        name=models.CharField(max_length=50),
        total=models.IntegerField(),
        changed=models.DateTimeField(auto_now=True),
    )
    yield conditioned
    yield make("Proxied", bases=(conditioned,), Meta={"proxy": True})
    yield make("Child", bases=(conditioned,), extra=models.TextField())
    yield make(
        "Generated",
        n=models.IntegerField(),
        twice=models.GeneratedField(
            expression=models.F("n") * 2, output_field=models.IntegerField(), db_persist=True
        ),
    )


def _declared(model: type[models.Model], level: pgtrigger.Level) -> Iterator[CaptureTrigger]:
    """Yield the triggers of a model at a level, each with a label of its own."""
    name = model.__name__

    def of(*trackers: Any, **options: Any) -> Iterator[CaptureTrigger]:
        for tracker in trackers:
            yield CaptureTrigger(
                tracker=tracker,
                **{
                    "fields": None,
                    "exclude": (),
                    "level": level,
                    "created_at": "now()",
                    **options,
                },
            )

    yield from of(*EVERYTHING)
    if name == "Plain":
        yield from of(pgaudit_log.UpdateEvent("it's %", row=pgaudit_log.Old))
        yield from of(pgaudit_log.DeleteEvent("late", condition=Condition("OLD.name = '%'")))
        yield from of(pgaudit_log.UpdateEvent("now"), created_at="clock_timestamp()")
        yield from of(pgaudit_log.TruncateEvent("empty"), created_at="clock_timestamp()")
    if name in ("ByText", "ByTwoLong", "ByTwoAny"):
        left_out = ("code",) if name != "ByTwoAny" else ("b",)
        if name == "ByTwoLong":
            yield from of(pgaudit_log.UpdateEvent("without"), exclude=left_out)
            yield from of(pgaudit_log.InsertEvent("without_insert"), exclude=left_out)
    if name == "ByRatio":
        yield from of(pgaudit_log.UpdateEvent("named"), fields=("name",))
    if name in ("Pointing", "PointingOnce"):
        yield from of(pgaudit_log.UpdateEvent("part"), exclude=("target",))
        yield from of(pgaudit_log.InsertEvent("one"), fields=("id",))
    if name == "Long":
        large = ("note", "blank", "document", "word")
        renamed = [
            tracker.with_condition(tracker.condition) for tracker in EVERYTHING
        ]  # the same again, under other names
        for tracker in renamed:
            tracker._set(label=f"large_{tracker.label}")
        yield from of(*renamed, large=large)
        yield from of(pgaudit_log.UpdateEvent("weekly"), large=large[:1], period="week")
        yield from of(
            pgaudit_log.UpdateEvent("free", condition=Condition("NEW.note > ''")), large=large
        )
    if name == "Masked":
        for suffix, masks in {
            "marked": {"mask": ("mail", "document", "odd", "target")},
            "hashed": {"mask_hash": ("mail", "price", "document", "odd"), "mask": ("target",)},
        }.items():
            renamed = [tracker.with_condition(tracker.condition) for tracker in EVERYTHING]
            for tracker in renamed:
                tracker._set(label=f"{suffix}_{tracker.label}")
            yield from of(*renamed, **masks)
        yield from of(pgaudit_log.UpdateEvent("part"), fields=("name",), mask=("mail",))
        yield from of(pgaudit_log.UpdateEvent("context"), mask_context=("ip", "it's.100 %"))
    if name in ("Conditioned", "Proxied"):
        for label, condition in CONDITIONS.items():
            yield from of(pgaudit_log.UpdateEvent(label, condition=condition))
        yield from of(
            pgaudit_log.UpdateEvent("untracked", condition=AnyChange("total")), fields=("name",)
        )
        yield from of(pgaudit_log.InsertEvent("dear", condition=Q(new__total__gt=5)))


def examples() -> dict[str, list[tuple[str, CompiledTrigger]]]:
    """Return the compiled triggers by model, each with what tells it from the others."""
    with isolate_apps("tests.shop", "django.contrib.auth", "django.contrib.contenttypes"):
        return {
            model.__name__: [
                (f"{trigger.tracker.label}, {level}", trigger.compile(model))
                for level in (pgtrigger.Statement, pgtrigger.Row)
                for trigger in _declared(model, level)
            ]
            for model in list(_models())
        }


def operation_of(trigger: CompiledTrigger) -> AddCaptureTriggers:
    """Return the operation that adds a trigger."""
    return AddCaptureTriggers("thing", trigger.table.plain(), [trigger.data.plain(trigger.table)])


def as_json(operation: AddCaptureTriggers) -> Any:
    """Return what a migration holds of an operation, with lists for tuples."""
    return json.loads(json.dumps(operation.deconstruct()[2]))


def hash_of(trigger: CompiledTrigger) -> str:
    """Return a hash of all SQL of a trigger."""
    text = trigger.hash + trigger.install_sql + trigger.uninstall_sql
    return hashlib.sha256(text.encode()).hexdigest()


FROZEN = Path(__file__).with_name("captures_v1.json")


def frozen() -> dict[str, Any]:
    """Return what migrations of the examples hold, and hashes of the SQL that is made of that."""
    return {
        f"{model}: {name}": {"operation": as_json(operation_of(made)), "hash": hash_of(made)}
        for model, triggers in examples().items()
        for name, made in triggers
    }


def freeze() -> None:
    """Write it down."""
    lines = (f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in frozen().items())
    FROZEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
