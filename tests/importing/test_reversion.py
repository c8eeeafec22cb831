"""What django-reversion has recorded comes over, typed by Django's own deserializers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.importing.golden import MODELS, Golden, golden

pytestmark = pytest.mark.slow

SCRIPT = """
import reversion
from django.db.backends.postgresql.psycopg_any import DateRange

anna = User.objects.create(username="anna")

def saved(*objects, comment="", user=None):
    with reversion.create_revision():
        for one in objects:
            one.save()
        reversion.set_comment(comment)
        if user:
            reversion.set_user(user)
    step()

c = Customer(code="A-1", name="Anna")
o = Order(customer=c, number="1", total=Decimal("1.10"), weight=-0.0, secret="s1")
saved(c, o, comment="by phone", user=anna)
o.data = {"a": [1, 2.5, None]}; o.words = ["a", "b,c", None]; o.blob = b"\\x00\\xff"
saved(o)
o.data = None; o.weight = float("inf"); o.days = DateRange(datetime.date(2024, 1, 1), None)
saved(o)
o.lasts = datetime.timedelta(days=400, seconds=1.5); o.day = datetime.date(1, 1, 1)
o.hour = datetime.time(23, 59, 59); o.paper = "a/b.pdf"; o.state = "paid"; o.fixed = "abc"
saved(o)
with reversion.create_revision():
    o.tags.add(Tag.objects.create(word="red"))
    o.save()
step()
c.name = "Anna B."
saved(c, o, comment="twice")
p = Order(number="2", follows=o)
saved(p)
Order.objects.filter(pk=o.pk).update(total=7)  # which it does not see
p.delete()
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Golden]:
    models = MODELS.format(
        imports="import reversion",
        customer="@reversion.register()",
        tag="",
        order='@reversion.register(exclude=["changed"])',
        through="",
        **dict.fromkeys(("customer_end", "tag_end", "order_end"), ""),
    )
    folder = tmp_path_factory.mktemp("reversion")
    with golden(folder, models, SCRIPT, "reversion", "pgaudit_log") as made:
        made.project.manage("pgaudit_log", "import", "reversion", "--apply")
        yield made


def told(events: list[list[Any]]) -> list[Any]:
    """Return the key, the row and the diff of events, but for the time, which was left out there."""
    found = []
    for model, key, _, operation, _, snapshot, diff, refs in events:
        if model not in ("store.Customer", "store.Order") or operation == "D":
            continue
        row, changes = (json.loads(text or "{}", parse_float=str) for text in (snapshot, diff))
        row.pop("changed", None)
        changes.pop("changed", None)
        found.append((model, key, row, changes, refs))
    return found


def test_each_version_is_what_a_trigger_would_have_written(recorded: Golden) -> None:
    # The last but one, an update(), it did not see.
    own = [event for event in told(recorded.own) if event[2].get("total") != "7.00"]
    assert len(own) == 9
    assert told(recorded.imported()) == own


def test_what_it_cannot_tell_is_told_otherwise(recorded: Golden) -> None:
    found = recorded.ask(
        """
        sql("SELECT obj_pk, operation, snapshot ->> 'total', origin ? 'id' FROM pgaudit_log_event"
            " WHERE model = 'store.Order' ORDER BY obj_pk, id")
        """
    )
    assert [event for event in found if event[0] == "1"] == [
        ["1", "B", "1.10", True],  # of which nothing before is known
        *[["1", "U", "1.10", True]] * 5,
        ["1", "B", "7.00", None],  # which an update() had changed unseen
    ]
    assert [event for event in found if event[0] == "2"] == [
        ["2", "B", None, True],
        ["2", "D", None, False],
    ]


def test_versions_of_a_revision_are_one_transaction_and_one_context(recorded: Golden) -> None:
    found = recorded.ask(
        """
        sql("SELECT array_agg(model ORDER BY model), array_agg(context::text ORDER BY model),"
            " count(DISTINCT txid) FROM pgaudit_log_event"
            " WHERE id < 0 AND origin ? 'id' GROUP BY context_id ORDER BY min(id)")
        """
    )
    revisions = [(models, [*map(json.loads, told)], txids) for models, told, txids in found]
    both = ["store.Customer", "store.Order"]
    assert revisions[0] == (
        both,
        [
            {"user": 1, "comment": "by phone"},
            {"user": 1, "comment": "by phone", "many_to_many": {"tags": []}},
        ],
        1,
    )
    assert revisions[-2][0] == both
    assert revisions[-2][1][1] == {"comment": "twice", "many_to_many": {"tags": [1]}}


def test_the_plan_says_what_is_less_exact(recorded: Golden) -> None:
    shown = recorded.project.manage("pgaudit_log", "import", "reversion")
    assert (
        "Not kept: store.Order, reversion_version.changed has milliseconds there, not microseconds."
        in shown
    )
    assert "store.Order, reversion_version: 7 imported before." in shown


def test_a_second_import_adds_nothing(recorded: Golden) -> None:
    before = recorded.ask("""sql("SELECT count(*), max(id), min(id) FROM pgaudit_log_event")""")
    recorded.project.manage("pgaudit_log", "import", "reversion", "--apply")
    assert (
        recorded.ask("""sql("SELECT count(*), max(id), min(id) FROM pgaudit_log_event")""")
        == before
    )


def test_the_same_comes_over_from_another_database(recorded: Golden) -> None:
    before = recorded.imported()
    assert recorded.imported_from_elsewhere("reversion") == before
