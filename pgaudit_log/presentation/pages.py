"""Pages: the events of a screen, found by their position, and given up where that takes too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import OperationalError, connections, transaction
from django.utils.translation import gettext as _

from pgaudit_log.conf import settings
from pgaudit_log.constants import LOWEST_ID
from pgaudit_log.database.privileges import sqlstate
from pgaudit_log.reading.pages import Page

PAGE_SIZE = 50
"""How many events a page has."""


class TookTooLongError(Exception):
    """A question took longer than the setting ``PGAUDIT_LOG_ADMIN_TIMEOUT`` allows."""


def too_long() -> str:
    """Return what a person is told in the place of what took too long."""
    return _(
        "This took too long and was given up. Narrow the time, or choose a model and an object."
    )


@contextmanager
def bounded(using: str, milliseconds: int | None = None) -> Iterator[None]:
    """Let no statement in the block take longer than the setting allows, or than is said.

    Raises:
        TookTooLongError: where one did.
    """
    connection = connections[using]
    is_inside = connection.in_atomic_block
    try:
        with transaction.atomic(using=using), connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), current_setting('enable_seqscan'),"
                # Events are walked through from the newest, which ends early where many are found;
                # a guess that they are few would have a partition read to its end instead.
                " set_config('enable_seqscan', 'off', true), set_config('statement_timeout', %s, true)",
                [str(settings.ADMIN_TIMEOUT * 1000 if milliseconds is None else milliseconds)],
            )
            timeout, seqscan, *_set = cursor.fetchone()
            yield
            if is_inside:
                # The transaction goes on, and with it the settings.
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true),"
                    " set_config('enable_seqscan', %s, true)",
                    [timeout, seqscan],
                )
    except OperationalError as error:
        if not is_given_up(error):
            raise
        raise TookTooLongError from error


def is_given_up(error: OperationalError) -> bool:
    """Return whether a statement was given up by a timeout: that of the setting, or the database's own."""
    return sqlstate(error) == _CANCELED


_CANCELED = "57014"


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a page begins, as its address says it."""

    before: int | None = None
    after: int | None = None
    until: datetime | None = None
    """The moment before which the page begins, where neither says it."""

    @classmethod
    def of(cls, parameters: Any) -> Position:
        """Return the position that query parameters say; what is no number is none."""
        before, after = (number_of(parameters.get(name)) for name in ("before", "after"))
        return cls(before=before, after=None if before is not None else after)


def number_of(text: Any) -> int | None:
    """Return the number that a text of an address is, ``None`` if it is none that an id can be."""
    if not isinstance(text, str) or not text.isascii() or not text.lstrip("-").isdigit():
        return None
    return int(text) if len(text) <= 19 else None


def page_of(queryset: Any, position: Position, size: int = PAGE_SIZE) -> Page[Any]:
    """Return a page of a queryset of events at a position."""
    if position.until is None or position.before is not None or position.after is not None:
        page: Page[Any] = queryset.page(size, before=position.before, after=position.after)
        return page
    page = queryset.between(None, position.until).page(size)
    return replace(page, newer=page.events[0].pgh_id if page.events else LOWEST_ID)
