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


@pytest.mark.slow
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


@pytest.mark.slow
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


INVARIANT = """
from collections import Counter
from django.db import transaction
from pgaudit_log import reversal

def whole(nodes):
    places = Counter((n["tree_id"], n[side]) for n in nodes.values() for side in ("lft", "rght"))
    yield from (f"{place} twice" for place, count in places.items() if count > 1)
    for node in nodes.values():
        parent = nodes.get(node["parent_id"])
        if parent and not parent["lft"] < node["lft"] < node["rght"] < parent["rght"]:
            yield f"{node['id']} outside"

def rows():
    columns = ("id", "parent_id", "tree_id", "lft", "rght")
    return {node["id"]: node for node in Genre.objects.values(*columns)}

def the_tree_is_whole(plan):
    nodes = rows()
    for step in plan.steps:
        if step.model is Genre and step.action == "delete":
            del nodes[int(step.key)]
        elif step.model is Genre:
            new = {change.column: change.proposed for change in step.changes}
            nodes.setdefault(int(step.key), {}).update(new)
    yield from whole(nodes)

Genre.objects.all().delete()
root = Genre.objects.create(name="root")
rock = Genre.objects.create(name="rock", parent=root)
Genre.objects.create(name="hard", parent=rock)
Genre.objects.create(name="jazz", parent=root)
with transaction.atomic():
    Genre.objects.get(name="rock").delete()
deletion = Events.objects.filter(pgh_operation="D", pgh_data__name="rock").latest("pgh_id")
assert not list(whole(rows()))
"""


@pytest.mark.slow
def test_a_nested_set_that_has_changed_since_is_told_in_the_plan(store: Project) -> None:
    store.shell(
        PRELUDE
        + INVARIANT
        + """
assert reversal.restore(deletion).is_applicable
reversal.invariant(Genre)(the_tree_is_whole)
plan = reversal.restore(deletion)
assert {o.kind.value for o in plan.obstacles} == {"invariant"}, plan
before = rows()
try:
    plan.apply()
except pgaudit_log.exceptions.PlanError as error:
    assert "twice" in str(error)
assert rows() == before
undo = reversal.undo(txid=deletion.pgh_txid)
assert undo.is_applicable, undo
# Another node takes the place before the plan is applied.
Genre.objects.create(name="folk", parent=Genre.objects.get(name="root"))
try:
    undo.apply()
except pgaudit_log.exceptions.PlanError as error:
    pass
else:
    raise AssertionError
Genre.objects.get(name="folk").delete()
reversal.undo(txid=deletion.pgh_txid).apply()
assert not list(whole(rows()))
assert names(Genre.objects.get(name="root").get_descendants()) == ["rock", "hard", "jazz"]
"""
    )


@pytest.mark.slow
def test_a_nested_set_can_be_repaired_in_the_same_transaction(store: Project) -> None:
    store.shell(
        PRELUDE
        + INVARIANT
        + """
reversal.invariant(Genre, repair=lambda plan: Genre.objects.rebuild())(the_tree_is_whole)
plan = reversal.restore(deletion)
assert plan.is_applicable
assert {o.kind.value for o in plan.left_alone} == {"invariant"}, plan
done = plan.apply(reason="back")
assert not list(whole(rows()))
assert sorted(names(Genre.objects.get(name="root").get_descendants())) == ["hard", "jazz", "rock"]
assert names(Genre.objects.get(name="rock").get_descendants()) == ["hard"]
written = Events.objects.filter(pgh_txid=done.txid)
assert {event.pgh_operation for event in written} == {"I", "U"}
assert all(event.pgh_context["reason"] == "back" for event in written)
"""
    )
