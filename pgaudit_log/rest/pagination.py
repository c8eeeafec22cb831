"""Pagination: pages of events by their position, behind the cursors of Django REST framework."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination

from pgaudit_log.presentation.pages import PAGE_SIZE, Position, number_of, page_of
from pgaudit_log.reading.pages import Page


class EventPagination(CursorPagination):
    """The newest events first; ``next`` leads to older ones. Nothing is counted."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = 200
    page: Page[Any]

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        """Return the events of a page of a queryset of events."""
        position = self.position_of(request)
        return self.of(page_of(queryset, position, self.page_size))

    def position_of(self, request: Any) -> Position:
        """Return where the page begins that a request asks for.

        Raises:
            NotFound: for what is no cursor.
        """
        self.request = request
        self.base_url = request.build_absolute_uri()
        self.page_size = self.get_page_size(request)
        cursor = self.decode_cursor(request)
        if cursor is None:
            return Position()
        id = number_of(cursor.position)
        if id is None:
            raise NotFound(self.invalid_cursor_message)
        return Position(after=id) if cursor.reverse else Position(before=id)

    def of(self, page: Page[Any]) -> list[Any]:
        """Return the events of a page, which is the one that is answered."""
        self.page = page
        self.has_next, self.has_previous = page.older is not None, page.newer is not None
        return list(page)

    def get_next_link(self) -> str | None:
        """Return where older events are."""
        return self._link(self.page.older, is_newer=False)

    def get_previous_link(self) -> str | None:
        """Return where newer events are."""
        return self._link(self.page.newer, is_newer=True)

    def _link(self, id: int | None, *, is_newer: bool) -> str | None:
        if id is None:
            return None
        url: str = self.encode_cursor(Cursor(offset=0, reverse=is_newer, position=str(id)))
        return url
