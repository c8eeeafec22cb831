"""Found numbers: how many events a filter finds, counted as far as that is cheap."""

from __future__ import annotations

from typing import Any

from django.utils.translation import ngettext

from pgaudit_log.presentation import cards, pages
from pgaudit_log.presentation.long_transactions import MOST_COUNTED, CardPage

MOST_MILLISECONDS = 500
"""How long counting may take: nobody has to wait for a number."""


def words(queryset: Any, found: CardPage, *, has_text: bool) -> str:
    """Return how many events a queryset has, of which ``found`` is the first page.

    Beyond a thousand, and where counting would take long, as for a text that is looked for, there is a plus.
    """
    page = found.page
    shown = len(page.events)
    if page.older is None and page.newer is None and not found.beyond:
        return _words(shown)
    if has_text:
        return _words(shown, has_more=True)
    try:
        with pages.bounded(str(queryset.db), MOST_MILLISECONDS):
            # In the order of the page, so that it is read as the page was.
            ids = queryset.order_by("-pgh_id").values_list("pgh_id")
            number = len(ids[: MOST_COUNTED + 1])
    except pages.TookTooLongError:
        return _words(shown, has_more=True)
    return _words(min(number, MOST_COUNTED), has_more=number > MOST_COUNTED)


def _words(number: int, *, has_more: bool = False) -> str:
    shown = cards.number_text(number)
    text = ngettext("%(count)s event found", "%(count)s events found", 2 if has_more else number)
    return text % {"count": f"{shown}+" if has_more else shown}
