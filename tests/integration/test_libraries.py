"""Libraries whose methods ask the class for rows: trees and tags, in a project of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.projects import SETTINGS, Project, project

for library in ("mptt", "taggit", "treebeard"):
    pytest.importorskip(library)

MODELS = """
from django.db import models
from mptt.models import MPTTModel, TreeForeignKey
from taggit.managers import TaggableManager
from taggit.models import GenericTaggedItemBase, TagBase
from treebeard.al_tree import AL_Node
from treebeard.mp_tree import MP_Node
from treebeard.ns_tree import NS_Node

import pgaudit_log


@pgaudit_log.track()
class Word(TagBase):
    pass


@pgaudit_log.track()
class Tagged(GenericTaggedItemBase):
    tag = models.ForeignKey(Word, on_delete=models.CASCADE, related_name="uses")


@pgaudit_log.track()
class Genre(MPTTModel):
    name = models.CharField(max_length=50)
    parent = TreeForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="children"
    )
    words = TaggableManager(through=Tagged)


@pgaudit_log.track()
class Path(MP_Node):
    name = models.CharField(max_length=50)


@pgaudit_log.track()
class Set(NS_Node):
    name = models.CharField(max_length=50)


@pgaudit_log.track()
class Adjacent(AL_Node):
    name = models.CharField(max_length=50)
    parent = models.ForeignKey("self", related_name="children_set", null=True, on_delete=models.CASCADE)
    sib_order = models.PositiveIntegerField()
"""

PRELUDE = """
import pgaudit_log
from pgaudit_log.exceptions import ReadOnlyError
from pgaudit_log.models import Events
from store.models import *

def names(found):
    return [each.name for each in found]

def now():
    return Events.objects.latest("pgh_id")

def refused(write, *args, **kwargs):
    before = Events.objects.count()
    try:
        write(*args, **kwargs)
    except ReadOnlyError:
        pass
    else:
        raise AssertionError("was not refused")
    assert Events.objects.count() == before
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("libraries")) as made:
        apps = '    "mptt",\n    "taggit",\n    "treebeard",\n    "store",\n'
        made.write("settings.py", SETTINGS.replace('    "store",\n', apps))
        made.write("store/models.py", MODELS)
        # Libraries may warn of what a newer Django has.
        made.environment["PYTHONWARNINGS"] = "ignore"
        made.manage("makemigrations", "store")
        made.manage("migrate")
        yield made


def test_mptt_and_taggit_read_the_past(store: Project) -> None:
    store.shell(
        PRELUDE
        + """
root = Genre.objects.create(name="root")
rock = Genre.objects.create(name="rock", parent=root)
hard = Genre.objects.create(name="hard", parent=rock)
rock.words.add("loud", "old")
moment = now()
Genre.objects.create(name="today", parent=Genre.objects.get(name="rock"))
Genre.objects.get(name="hard").delete()
rock = Genre.objects.get(name="rock")
rock.words.set(["today"])
Genre.objects.filter(name="root").update(name="now")

past = Genre.objects.as_of(moment).get(pk=rock.pk)
assert names(past.get_descendants()) == ["hard"], past.get_descendants()
assert names(past.get_children()) == ["hard"]
assert names(past.get_ancestors()) == ["root"]
assert names(past.get_family()) == ["root", "rock", "hard"]
assert past.get_root().name == "root"
assert past.get_descendant_count() == 1
assert names(Genre.objects.as_of(moment).filter(name="rock").get_descendants()) == ["hard"]
assert sorted(names(past.words.all())) == ["loud", "old"], past.words.all()
assert sorted(past.words.names()) == ["loud", "old"]
assert sorted(names(Genre.objects.as_of(moment).prefetch_related("words").get(pk=rock.pk).words.all())) == ["loud", "old"]
refused(past.words.add, "new")
refused(past.words.set, ["new"])
refused(past.words.clear)
refused(past.move_to, root)
refused(past.move_to, None)
refused(past.save)
refused(past.delete)
assert names(rock.get_descendants()) == ["today"]
assert names(rock.words.all()) == ["today"]
"""
    )


@pytest.mark.parametrize("model", ["Path", "Set", "Adjacent"])
def test_treebeard_reads_the_past(store: Project, model: str) -> None:
    store.shell(
        PRELUDE
        + f"""
model = {model}
root = model.add_root(name="root", **({{"sib_order": 1}} if model is Adjacent else {{}}))
top = model.add_root(name="top", **({{"sib_order": 2}} if model is Adjacent else {{}}))
def add(parent, name):
    found = model.objects.get(name=parent)
    return found.add_child(name=name, **({{"sib_order": 1}} if model is Adjacent else {{}}))
rock = add("root", "rock")
add("rock", "hard")
moment = now()
add("rock", "today")
model.objects.get(name="hard").delete()
model.objects.filter(name="root").update(name="now")

past = model.objects.as_of(moment).get(name="rock")
assert names(past.get_descendants()) == ["hard"], past.get_descendants()
assert names(past.get_children()) == ["hard"]
assert names(past.get_ancestors()) == ["root"]
assert past.get_root().name == "root"
assert past.get_parent().name == "root"
assert past.get_descendant_count() == 1
assert not past.is_leaf()
refused(past.add_child, name="new", **({{"sib_order": 1}} if model is Adjacent else {{}}))
refused(past.add_sibling, "left", name="new", **({{"sib_order": 1}} if model is Adjacent else {{}}))
if model is not Adjacent:
    refused(past.move, model.objects.get(name="top"), "last-child")
refused(past.delete)
today = model.objects.get(name="rock")
assert names(today.get_descendants()) == ["today"]
"""
    )
