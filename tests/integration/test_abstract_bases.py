"""Models of several apps that inherit a tracked abstract model, from import to events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects import SETTINGS, project

pytestmark = pytest.mark.slow

APPS = {
    "base": """
        import pgaudit_log
        from django.db import models

        @pgaudit_log.track(exclude=["seen_at"])
        class Base(models.Model):
            name = models.TextField()
            seen_at = models.DateTimeField(null=True)
            class Meta:
                abstract = True
    """,
    "store": """
        import pgaudit_log
        from base.models import Base
        from django.db import models

        class Item(Base):
            size = models.IntegerField(default=0)

        @pgaudit_log.track(pgaudit_log.InsertEvent("made"))
        class Own(Base):
            pass

        @pgaudit_log.untrack()
        class Plain(Base):
            pass

        class Sub(Item):
            extra = models.IntegerField(default=0)
    """,
    "later": """
        from base.models import Base

        class Far(Base):
            pass
    """,
}


@pytest.mark.parametrize(
    "order",
    [
        ["pgtrigger", "pgaudit_log", "base", "store", "later"],
        ["later", "store", "base", "pgaudit_log", "pgtrigger"],
        ["store", "pgaudit_log", "later", "base", "pgtrigger"],
    ],
    ids="-".join,
)
def test_children_are_tracked_wherever_they_are(tmp_path: Path, order: list[str]) -> None:
    with project(tmp_path) as made:
        names = "".join(f'    "{name}",\n' for name in order)
        listed = '    "pgtrigger",\n    "pgaudit_log",\n    "store",\n'
        assert listed in SETTINGS
        made.write("settings.py", SETTINGS.replace(listed, names))
        for app, models in APPS.items():
            made.write(f"{app}/__init__.py", "")
            made.write(f"{app}/migrations/__init__.py", "")
            made.write(f"{app}/models.py", models)
        # What an app does as soon as it is ready finds all that is tracked.
        made.write(
            f"{order[0] if order[0] in APPS else 'store'}/apps.py",
            f"""
            from django.apps import AppConfig

            class Config(AppConfig):
                name = "{order[0] if order[0] in APPS else "store"}"

                def ready(self):
                    from store.models import Item
                    assert Item.pgh_event_model.__name__ == "ItemEvent"
            """,
        )
        made.manage("makemigrations")
        made.manage("migrate")
        assert "No changes" in made.manage("makemigrations", "--check")
        printed = made.shell(
            """
            from later.models import Far, FarEvent
            from store.models import Item, ItemEvent, Own, Plain, Sub
            item = Item.objects.create(name="a", size=3)
            Item.objects.update(seen_at=None, size=4)
            print([(e.pgh_label, e.name, e.size) for e in item.events.all()])
            print([e.pgh_label for e in Own.objects.create(name="b").events.all()])
            print(hasattr(Plain, "events"), FarEvent is Far.pgh_event_model)
            print(Far.objects.create(name="c").events.get().name)
            sub = Sub.objects.create(name="d", size=5, extra=6)
            print([(e.pgh_obj_model, e.name, e.size, e.extra) for e in sub.events.all()])
            """
        )
    assert printed.splitlines() == [
        "[('insert', 'a', 3), ('update', 'a', 4)]",
        "['made']",
        "False True",
        "c",
        "[('store.Item', 'd', 5, None), ('store.Sub', 'd', 5, 6)]",
    ]
