"""The examples of the page "event tracking" run as printed, in both its editions."""

from __future__ import annotations

import pytest

from tests.seeds.opening import Open
from tests.seeds.project import ExampleError

pytestmark = pytest.mark.slow

CREATE_WITH_USER = """
    user = User.objects.create_user("ana")
    m = TrackedModel.objects.create(int_field=1, char_field="a", user=user)
"""


def test_plain_model_is_not_tracked(example: Open) -> None:
    session = example("plain_model")
    session.do(CREATE_WITH_USER)
    assert session.value("hasattr(m, 'events')") is False


def test_track(example: Open) -> None:
    example("track").use()


def test_track_makes_an_event_model_named_after_the_model(example: Open) -> None:
    assert example("track").value("TrackedModel.pgh_event_model is TrackedModelEvent") is True


def test_fields_leaves_other_fields_out(example: Open) -> None:
    session = example("fields")
    session.do(CREATE_WITH_USER)
    assert session.value("TrackedModel.pgh_event_model.objects.get().pgh_data") == {"int_field": 1}


def test_fields_gives_the_event_model_no_other_fields(example: Open) -> None:
    own = "{f.name for f in TrackedModel.pgh_event_model._meta.fields if f.name[:4] != 'pgh_'}"
    assert example("fields").value(own) == {"int_field"}


def test_fields_stores_no_updates_of_other_fields(example: Open) -> None:
    session = example("fields")
    session.do(CREATE_WITH_USER)
    session.do("m.char_field = 'b'; m.save(); m.int_field = 2; m.save()")
    assert session.value(
        "TrackedModel.pgh_event_model.objects.values_list('pgh_label', 'int_field')"
    ) == [("insert", 1), ("update", 2)]


def test_exclude_leaves_the_field_out(example: Open) -> None:
    session = example("exclude")
    session.do(CREATE_WITH_USER)
    assert session.value("m.events.get().pgh_data") == {
        "id": 1,
        "char_field": "a",
        "user_id": 1,
    }


def test_exclude_stores_updates_of_the_other_fields_only(example: Open) -> None:
    session = example("exclude")
    session.do(CREATE_WITH_USER)
    session.do("""
        m.int_field = 2
        m.save()
        m.char_field = "b"
        m.save()
        m.user = User.objects.create_user("ben")
        m.save()
    """)
    assert session.value("m.events.values_list('pgh_label', 'char_field', 'user')") == [
        ("insert", "a", 1),
        ("update", "b", 1),
        ("update", "b", 2),
    ]


def test_delete_only(example: Open) -> None:
    session = example("delete_only")
    session.do("TrackedModel.objects.create().delete()")
    assert session.value("TrackedModelEvent.objects.values_list('pgh_obj', 'pgh_label')") == [
        (1, "delete")
    ]


def test_all_three(example: Open) -> None:
    session = example("all_three")
    session.do(
        "m = TrackedModel.objects.create(int_field=1); m.int_field = 2; m.save(); m.delete()"
    )
    assert session.value("TrackedModelEvent.objects.values_list('pgh_label', 'int_field')") == [
        ("insert", 1),
        ("update", 2),
        ("delete", 2),
    ]


def test_custom_label(example: Open) -> None:
    session = example("custom_label")
    session.do("TrackedModel.objects.create().delete()")
    assert session.value("TrackedModelEvent.objects.get().pgh_label") == "my_custom_label"


def test_old_row(example: Open) -> None:
    session = example("old_row")
    session.do("m = TrackedModel.objects.create(int_field=1); m.int_field = 2; m.save()")
    assert session.value("m.events.values_list('pgh_label', 'int_field')") == [("update", 1)]


@pytest.mark.parametrize("edition", [0, 1])
def test_email_changed(example: Open, edition: int) -> None:
    session = example("email_changed")
    session.use(session.example.usages[edition])


def test_email_changed_stores_every_field(example: Open) -> None:
    session = example("email_changed")
    session.use(session.example.usages[0])
    assert session.value("UserEmailHistory.objects.values('username', 'email', 'address')") == [
        {"username": "hello", "email": "hello@hello.com", "address": "456 Main St"}
    ]


def _fired(example: Open, name: str, changed: str) -> set[str]:
    """Return the labels of the conditions that fire when fields change."""
    session = example(name)
    session.do("m = TrackedModel.objects.create()")
    changes = ", ".join(f"{field}=1" for field in changed.split())
    session.do(f"TrackedModel.objects.update({changes})")
    found: set[str] = session.value(
        "set(TrackedModel.pgh_event_model.objects.values_list('pgh_label', flat=True))"
    )
    return found


@pytest.mark.parametrize(
    ("changed", "fires"),
    [
        ("field_one", True),
        ("field_two", True),
        ("field_one field_two", True),
        ("field_three my_field", False),
    ],
)
def test_any_change_of_two_fields(example: Open, changed: str, fires: bool) -> None:
    assert ("AnyChange of two" in _fired(example, "conditions", changed)) is fires


@pytest.mark.parametrize(
    ("changed", "fires"),
    [("field_one", True), ("my_field", False), ("my_field field_one", True), ("untracked", False)],
)
def test_any_change_but_of_one_field(example: Open, changed: str, fires: bool) -> None:
    assert ("AnyChange but one" in _fired(example, "conditions", changed)) is fires


def test_any_change_without_auto_fields_fires_on_another_field(example: Open) -> None:
    assert "AnyChange but auto" in _fired(example, "conditions", "field_one")


def test_any_change_without_auto_fields_leaves_them_out(example: Open) -> None:
    session = example("conditions")
    session.do("""
        import datetime

        m = TrackedModel.objects.create()
        then = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
        TrackedModel.objects.update(created_at=then, updated_at=then)
    """)
    labels = session.value("set(m.events.values_list('pgh_label', flat=True))")
    assert ("AnyChange but auto" in labels, "AnyChange but one" in labels) == (False, True)


@pytest.mark.parametrize(
    ("changed", "fires"),
    [("field_three", False), ("field_four", False), ("field_three field_four", True)],
)
def test_all_change_of_two_fields(example: Open, changed: str, fires: bool) -> None:
    assert ("AllChange of two" in _fired(example, "conditions", changed)) is fires


@pytest.mark.parametrize(
    ("changed", "fires"),
    [("field_one", True), ("field_one field_two", False), ("field_three", True)],
)
def test_any_dont_change_of_two_fields(example: Open, changed: str, fires: bool) -> None:
    assert ("AnyDontChange of two" in _fired(example, "conditions", changed)) is fires


@pytest.mark.parametrize(
    ("changed", "fires"),
    [("field_one", False), ("field_one field_two", False), ("field_three", True)],
)
def test_all_dont_change_of_two_fields(example: Open, changed: str, fires: bool) -> None:
    assert ("AllDontChange of two" in _fired(example, "conditions", changed)) is fires


@pytest.mark.parametrize(
    ("changed", "fired"),
    [
        ("field_one", {"AnyChange", "AnyDontChange"}),
        ("field_one field_two", {"AnyChange", "AllChange"}),
        ("untracked", {"AnyDontChange", "AllDontChange"}),
    ],
)
def test_conditions_without_fields_are_about_the_tracked_fields(
    example: Open, changed: str, fired: set[str]
) -> None:
    assert _fired(example, "conditions_without_fields", changed) == fired


@pytest.mark.parametrize("tracker", ["InsertEvent", "DeleteEvent"])
@pytest.mark.parametrize("condition", ["AnyChange", "AnyDontChange", "AllChange", "AllDontChange"])
def test_conditions_on_changes_are_for_updates_only(
    example: Open, tracker: str, condition: str
) -> None:
    session = example("conditions")
    with pytest.raises(ExampleError, match="DeclarationError"):
        session.do(f"pghistory.{tracker}(condition=pghistory.{condition}())")


@pytest.mark.parametrize(
    ("change", "stored"),
    [("int_field = 2", 1), ("char_field = 'b'", 1), ("user = User.objects.create_user('ben')", 0)],
)
def test_any_change_of_tracked(example: Open, change: str, stored: int) -> None:
    session = example("any_change_of_tracked")
    session.do(CREATE_WITH_USER)
    session.do(f"m.{change}; m.save()")
    assert session.value("TrackedModel.pgh_event_model.objects.count()") == stored


@pytest.mark.parametrize(
    ("change", "stored"),
    [("int_field = 2", 0), ("char_field = 'b'", 0), ("user = User.objects.create_user('ben')", 1)],
)
def test_any_change_of_untracked(example: Open, change: str, stored: int) -> None:
    session = example("any_change_of_untracked")
    session.do(CREATE_WITH_USER)
    session.do(f"m.{change}; m.save()")
    assert session.value("TrackedModel.pgh_event_model.objects.count()") == stored


@pytest.mark.parametrize(
    ("before", "after", "labels"),
    [(150, 50, ["money_below_one_hundred"]), (100, 99, ["money_below_one_hundred"]), (90, 50, [])],
)
def test_money_below_one_hundred(example: Open, before: int, after: int, labels: list[str]) -> None:
    session = example("money_below_one_hundred")
    session.do(f"cash = Cash.objects.create(dollars={before}); cash.dollars = {after}; cash.save()")
    assert session.value("cash.events.values_list('pgh_label', flat=True)") == labels


@pytest.mark.parametrize(
    ("before", "after", "labels"),
    [
        (150, 50, {"money_below_one_hundred", "money_down"}),
        (90, 50, {"money_down"}),
        (50, 150, {"money_up"}),
        (50, 50, set()),
    ],
)
def test_money_down_and_up(example: Open, before: int, after: int, labels: set[str]) -> None:
    session = example("money_down_and_up")
    session.do(f"cash = Cash.objects.create(dollars={before}); cash.dollars = {after}; cash.save()")
    assert session.value("set(cash.events.values_list('pgh_label', flat=True))") == labels


def test_multiple_trackers(example: Open) -> None:
    session = example("multiple_trackers")
    session.do("""
        m = TrackedModel.objects.create(email="a@a.com", username="a")
        m.email = "b@b.com"
        m.save()
        m.username = "b"
        m.save()
    """)
    assert session.value(
        "list(UserEmailHistory.objects.values_list('pgh_label', 'pgh_obj', 'email')),"
        "list(UserUsernameHistory.objects.values_list('pgh_label', 'pgh_obj', 'username'))"
    ) == ([("email_changed", 1, "a@a.com")], [("username_changed", 1, "a")])


def test_manual(example: Open) -> None:
    session = example("manual")
    session.use()
    assert session.value(
        "MyUser.pgh_event_model.objects.values_list('pgh_obj', 'pgh_label', 'username')"
    ) == [(1, "user_create", "hello")]


def test_manual_events_are_linked_with_a_running_context(example: Open) -> None:
    session = example("manual")
    (usage,) = session.example.usages
    session.do(f"_context = pghistory.context(reason='import').__enter__()\n{usage.code}")
    assert session.value("MyUser.pgh_event_model.objects.get().pgh_context['reason']") == "import"


def test_third_party(example: Open) -> None:
    session = example("third_party")
    session.do("user = User.objects.create_user('ana', password='secret')")
    session.do("user.username = 'anna'; user.save()")
    assert session.value("UserProxyEvent.objects.values_list('pgh_label', 'username')") == [
        ("insert", "ana"),
        ("update", "anna"),
    ]


def test_third_party_leaves_the_password_out(example: Open) -> None:
    session = example("third_party")
    session.do("user = User.objects.create_user('ana', password='secret')")
    assert "password" not in session.value("list(UserProxyEvent.objects.get().pgh_data)")


def test_third_party_stores_no_change_of_the_password(example: Open) -> None:
    session = example("third_party")
    session.do("user = User.objects.create_user('ana', password='secret')")
    session.do("user.set_password('another'); user.save()")
    assert session.value("UserProxyEvent.objects.values_list('pgh_label', flat=True)") == ["insert"]


def test_third_party_puts_its_migration_into_the_project(example: Open) -> None:
    session = example("third_party")
    session.do("""
        from importlib import import_module

        migration = import_module("event_tracking_third_party.migrations.0001_initial").Migration
    """)
    assert session.value("[type(operation).__name__ for operation in migration.operations]") == [
        "CreateModel",
        "AddCaptureTriggers",
    ]


def test_many_to_many(example: Open) -> None:
    example("many_to_many").use()


def test_direct_call(example: Open) -> None:
    session = example("direct_call")
    session.do("m = model.objects.create(int_field=1)")
    assert session.value("m.events.values_list('pgh_label', 'int_field')") == [("added", 1)]


def test_direct_call_of_through(example: Open) -> None:
    session = example("direct_call_of_through")
    session.do("user = User.objects.create_user('ana'); team = Team.objects.create()")
    session.do("team.members.add(user)")
    assert session.value("model.pgh_event_model.objects.values('pgh_label', 'user', 'team')") == [
        {"pgh_label": "member.add", "user": 1, "team": 1}
    ]
