"""The past: a shop that has been open for a while, so that there are old events to look after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from example_project.load.traffic import (
    Clerk,
    change_prices,
    delete_order,
    edit_order,
    move_customer,
    take_order,
)
from pgaudit_log.models import Events

WORK = {take_order: 40, edit_order: 40, delete_order: 5, change_prices: 5, move_customer: 10}
"""What happens, and how often: nothing on the site, whose logins are events of today."""

A_DAY = 25
"""How many things happen a day."""


def live_through(days: int, *, tell: Callable[[str], object]) -> None:
    """Open the shop so many days ago, and let a clerk work each day since.

    Raises:
        CommandError: where the log has events already, whose times would come after later ones.
    """
    if Events.objects.exists():
        raise CommandError(
            "A past can be given to a new database only: the log has events already."
        )
    with _days_ago(days + 1):
        call_command("load_chinook", verbosity=0)
    clerk = Clerk(name="founder", number=0, writers=1, random=Random("the past"))
    with _days_ago(days + 1):
        clerk.begin()
    for day in range(days, 0, -1):
        with _days_ago(day):
            for do in clerk.random.choices([*WORK], [*WORK.values()], k=A_DAY):
                do(clerk)
    tell(f"The shop has been open for {days} days, which left {Events.objects.count():,} events.")


@contextmanager
def _days_ago(days: int) -> Iterator[None]:
    """Let what is written in the block be of an earlier day: the table's owner can say so."""
    _set_default(f"now() - interval '{days} days'")
    try:
        yield
    finally:
        _set_default("now()")


def _set_default(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE pgaudit_log_event ALTER COLUMN created_at SET DEFAULT {sql}")
