"""What only reads: querysets and blocks in which whatever would write raises."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NoReturn

reader: ContextVar[tuple[object, ...] | None] = ContextVar("pgaudit_log_reader", default=None)
"""What runs and may write to no table, a method of an object of the past: whose, and its moment."""


class RefusesWrites:
    """Mixed into a queryset, makes each method that writes call :meth:`_refuse`."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError

    def _refused(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse()

    create = bulk_create = bulk_update = update = delete = _refused
    get_or_create = update_or_create = _refused
    acreate = abulk_create = abulk_update = aupdate = adelete = _refused
    aget_or_create = aupdate_or_create = _refused
    _raw_delete = _refused
