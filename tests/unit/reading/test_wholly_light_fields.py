"""The fields that all events have, which keep nothing of their own: they behave as Django's own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import MinLengthValidator
from django.db import models

from pgaudit_log.reading.event_model import Event, ReferencesField
from pgaudit_log.reading.light_fields import lighten_wholly
from pgaudit_log.testing import isolated
from pgaudit_log.values.json_fields import DocumentField
from tests.shop import models as shop
from tests.tables import make

CustomerEvent: Any = shop.CustomerEvent  # type: ignore[attr-defined]
OrderEvent: Any = shop.OrderEvent  # type: ignore[attr-defined]

FIELDS: dict[str, Any] = {
    "key": lambda: models.BigAutoField(primary_key=True),
    "text": lambda: models.TextField("what it is", help_text="Say it.", default="a"),
    "word": lambda: models.CharField(
        max_length=7, db_column="w", validators=[MinLengthValidator(2)]
    ),
    "kind": lambda: models.CharField(max_length=1, choices=[("a", "A"), ("b", "B")], default="b"),
    "count": lambda: models.IntegerField(null=True, unique=True, editable=False),
    "document": lambda: DocumentField(null=True, default=dict),
    "references": lambda: ReferencesField(models.TextField(), null=True),
    "called": lambda: models.CharField(max_length=9, default=str),
}


@pytest.fixture(autouse=True)
def forget_models() -> Iterator[None]:
    with isolated():
        yield


def base(name: str, **attributes: Any) -> Any:
    """Return an abstract model with each of the fields."""
    fields = {name: made() for name, made in FIELDS.items()}
    return make(name, Meta={"abstract": True}, **fields, **attributes)


def light_base(**attributes: Any) -> Any:
    """Return one whose fields are wholly light."""
    made = base("Light", **attributes)
    for field in made._meta.local_fields:
        lighten_wholly(field)
    return made


def facts(field: Any) -> dict[str, Any]:
    """Return what a field tells of itself, but of which model it is and when it was made."""
    name, path, args, kwargs = field.deconstruct()
    return {
        "repr": repr(field).replace(field.model.__name__, "Model"),
        "deconstructed": (
            name,
            path,
            args,
            {**kwargs, "base_field": str(kwargs.get("base_field"))},
        ),
        "names": (field.name, field.attname, field.column, field.get_attname_column()),
        "verbose_name": field.verbose_name,
        "choices": (field.choices, field.flatchoices, field.get_choices() if field.choices else ()),
        "validators": field.validators,
        "messages": field.error_messages,
        "default": field.get_default(),
        "flags": (field.null, field.unique, field.primary_key, field.editable, field.concrete),
        "type": (field.get_internal_type(), field.is_relation, field.many_to_one),
        "form": type(field.formfield()),
        "attribute": type(vars(field.model)[field.attname]),
        "cached": field.cached_col.output_field is field,
        "found": field.model._meta.get_field(field.name) is field,
        "pickled": pickle.loads(pickle.dumps(field)) is field,
        "checked": [message.id for message in field.check(databases=["default"])],
    }


def test_a_model_has_of_them_what_it_has_of_djangos_own() -> None:
    own = make("Own", bases=(base("Base"),))
    light = make("Twin", bases=(light_base(),))
    assert [field.name for field in light._meta.fields] == [
        field.name for field in own._meta.fields
    ]
    assert light._meta.pk.name == light._meta.auto_field.name == "key"
    for field in own._meta.fields:
        twin = light._meta.get_field(field.name)
        assert vars(twin).keys() < vars(field).keys(), field
        assert twin.model is light and isinstance(twin, type(field))
        assert facts(twin) == facts(field)
        assert (twin == field, twin == copy.copy(twin)) == (False, True)
    objects = [model(key=1, text="x", kind="c", word="a") for model in (own, light)]
    told = []
    for made in objects:
        assert (made.get_kind_display(), made.count, made.document) == ("c", None, {})
        with pytest.raises(ValidationError) as refused:
            made.clean_fields()
        told.append(refused.value.message_dict)
    assert told[1] == told[0] and {"word", "kind", "called"} <= told[0].keys()
    assert repr(objects[1]) == "<Twin: Twin object (1)>"


@pytest.mark.parametrize("name", ["text", "word", "kind", "count", "references"])
@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda field: field.clone()],
    ids=["copy", "deepcopy", "clone"],
)
def test_a_copy_may_be_put_on_another_model_and_be_called_otherwise(name: str, copied: Any) -> None:
    """Django's own says how: a copy keeps the name that it has, one without gets the model's."""
    columns = {}
    for of, where in {"Own": base("Base"), "Twin": light_base()}.items():
        field = make(of, bases=(where,))._meta.get_field(name)
        kept, changed = copied(field), copied(field)
        changed.name = None
        model = make(f"{of}Copies", other=kept, another=changed)
        columns[of] = [(each.name, each.attname, each.column) for each in (kept, changed)]
        assert changed.model is model
        assert model._meta.get_field("another") is changed
        assert model(another=None).another is None
        # The field that was copied stays where it is.
        assert (field.model.__name__, field.name) == (of, name)
        assert getattr(model, "get_another_display", None) is not None or not field.choices
    assert columns["Twin"] == columns["Own"]


def test_what_is_done_to_a_field_of_one_model_is_done_to_no_other() -> None:
    light = light_base()
    one, other = make("One", bases=(light,)), make("Other", bases=(light,))
    changed, untouched = one._meta.get_field("text"), other._meta.get_field("text")
    changed.validators.append(MinLengthValidator(5))
    changed.error_messages["blank"] = "Say it."
    changed.help_text, changed.max_length, changed.verbose_name = "new", 3, "another"
    changed.choices = [("c", "C")]
    assert changed.validators != untouched.validators
    assert untouched.error_messages["blank"] != "Say it."
    third = make("Third", bases=(base("Base"),))
    assert facts(untouched) == facts(third._meta.get_field("text"))


def test_models_share_the_validators_that_they_share_of_djangos_own() -> None:
    """A ``CharField`` has some from its start, which each copy of it has, too."""
    shared = []
    for where in (base("Base"), light_base()):
        models_of_it = [make(f"{where.__name__}{n}", bases=(where,)) for n in range(2)]
        shared.append(
            [
                name
                for name in FIELDS
                if models_of_it[0]._meta.get_field(name).validators
                is models_of_it[1]._meta.get_field(name).validators
            ]
        )
    assert shared == [["word", "kind", "called"]] * 2


def test_a_model_may_take_a_field_away_or_have_another_in_its_place() -> None:
    light = light_base()
    other = make(
        "Other",
        bases=(light,),
        text=None,
        word=models.IntegerField(default=3),
        kind=models.CharField(max_length=2, choices=[("b", "Bee")], default="b"),
        get_kind_display=lambda self: "own",
    )
    assert "text" not in {field.name for field in other._meta.fields}
    assert (other().word, type(other._meta.get_field("word"))) == (3, models.IntegerField)
    assert other().get_kind_display() == "own"
    usual = make("Usual", bases=(light,))
    assert (usual().text, usual().word, usual().get_kind_display()) == ("a", "", "B")
    child = make("Child", bases=(usual,), Meta={"proxy": True})
    assert child._meta.get_field("text") is usual._meta.get_field("text")
    grandchild = make("Grandchild", bases=(usual,), more=models.TextField(default="more"))
    assert grandchild._meta.get_field("text").model is usual
    assert (grandchild().text, grandchild().more) == ("a", "more")


def test_typed_events_have_such_fields() -> None:
    for name in [field.name for field in Event._meta.local_fields]:
        field, other = OrderEvent._meta.get_field(name), CustomerEvent._meta.get_field(name)
        assert (field.model, other.model) == (OrderEvent, CustomerEvent)
        assert "name" not in vars(field) and "help_text" not in vars(field)
        assert field != other and field.name == other.name == name
    event = OrderEvent(pgh_id=7, pgh_operation="I", pgh_label="insert", pgh_data={"id": 3}, id=3)
    back = pickle.loads(pickle.dumps(event))
    assert (back, back.pgh_data, back.id) == (event, {"id": 3}, 3)
    assert copy.deepcopy(event).get_pgh_operation_display() == "insert"


def test_a_class_of_events_may_have_fields_of_its_own_in_their_place() -> None:
    class Renamed(Event):
        pgh_label = models.CharField("which", max_length=3)  # type: ignore[assignment]
        pgh_turn = None  # type: ignore[assignment]

        class Meta:
            app_label = "shop"
            managed = False

    field: Any = Renamed._meta.get_field("pgh_label")
    assert (field.max_length, field.verbose_name, field.model) == (3, "which", Renamed)
    assert "pgh_turn" not in {field.name for field in Renamed._meta.fields}
    assert Renamed._meta.pk is not None and Renamed._meta.pk.name == "pgh_id"
    assert OrderEvent._meta.get_field("pgh_label").max_length is None
    assert str(Renamed(pgh_id=1, pgh_label="a")) == "a #1"


def test_a_clone_has_validators_of_its_own() -> None:
    field = make("One", bases=(light_base(),))._meta.get_field("word")
    before = list(field.validators)
    assert field.clone().validators == field.clone().validators == field.validators == before
