"""Whatever a context did to three tables, undo brings them back, and undo of that undo does it again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction

import pgaudit_log
from pgaudit_log.models import Events
from pgaudit_log.reversal import undo
from tests.going_back import Copies, tables
from tests.support import execute

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

RUNS = int(os.environ.get("PGAUDIT_LOG_RANDOM_UNDOS", "60"))


@pytest.fixture
def t() -> Iterator[SimpleNamespace]:
    """Keys that move, unique values, cascades, references that are set to NULL, composite keys."""
    number = models.IntegerField
    with tables() as made:
        top = made.make(
            "Top",
            key=number(primary_key=True),
            unique=number(unique=True, null=True),
            n=number(default=0),
        )
        low = made.make(
            "Low",
            top=models.ForeignKey(top, models.CASCADE),
            maybe=models.ForeignKey(top, models.SET_NULL, null=True, related_name="+"),
        )
        pair = made.make(
            "Pair",
            pk=models.CompositePrimaryKey("x", "y"),
            x=number(),
            y=number(),
            low=models.ForeignKey(low, models.CASCADE, null=True),
        )
        yield SimpleNamespace(top=top, low=low, pair=pair)


def writes(t: SimpleNamespace, random: Random) -> list[Callable[[], Any]]:
    """Return what one step may do."""
    a, b = random.randrange(6), random.randrange(6)
    value, small = random.choice([None, b]), random.randrange(3)
    lows = list(t.low.objects.values_list("pk", flat=True)) or [0]
    one = random.choice(lows)
    free = "NOT EXISTS (SELECT FROM shop_low WHERE top_id = key OR maybe_id = key)"
    return [
        lambda: t.top.objects.create(key=a, unique=value),
        lambda: t.top.objects.filter(pk=a).update(n=small),
        lambda: t.top.objects.filter(pk=a).update(unique=value),
        lambda: [found.delete() for found in t.top.objects.filter(pk=a)],
        lambda: execute(f"UPDATE shop_top SET key = {b} WHERE key = {a} AND {free}"),
        lambda: execute(f'UPDATE shop_top SET "unique" = "unique" + 1 WHERE key > {a}'),
        lambda: t.low.objects.create(top_id=a, maybe_id=value),
        lambda: t.low.objects.filter(pk=one).update(top_id=a),
        lambda: t.low.objects.filter(pk=one).update(maybe_id=value),
        lambda: t.low.objects.filter(pk=one).delete(),
        lambda: t.pair.objects.create(x=small, y=a % 3, low_id=one or None),
        lambda: t.pair.objects.filter(x=small).update(y=a % 3),
        lambda: t.pair.objects.filter(x=small).delete(),
        lambda: execute(f"UPDATE shop_pair SET x = y, y = x WHERE x = {small}"),
    ]


def write(t: SimpleNamespace, random: Random, count: int) -> None:
    """Do some of it; what the database refuses was not done."""
    for _ in range(count):
        try:
            with transaction.atomic():
                random.choice(writes(t, random))()
                execute("SET CONSTRAINTS ALL IMMEDIATE")
        except IntegrityError:
            pass


def test_undo_and_its_undo_give_each_state_again(t: SimpleNamespace) -> None:
    for seed in range(RUNS):
        random = Random(seed)
        write(t, random, 6)
        before = Copies(t.top, t.low, t.pair)
        with pgaudit_log.context() as context:
            for _ in range(random.randrange(1, 4)):
                if random.random() < 0.5:
                    with transaction.atomic():
                        write(t, random, random.randrange(1, 5))
                else:
                    write(t, random, random.randrange(1, 4))
        if not Events.objects.filter(pgh_context_id=context.id).exists():
            continue
        plan = undo(context=context)
        assert plan.obstacles == (), seed
        done = plan.apply()
        assert before.differences() == [], seed
        if done.plan.steps:
            again = undo(txid=done.txid)
            assert again.obstacles == (), seed
            again.apply()
            undo(context=context).apply()
            assert before.differences() == [], seed
