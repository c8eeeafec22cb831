"""Messages of the checks of a database: Django's, with what each is about as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core import checks


class Warning(checks.Warning):
    """A warning that names what it is about.

    Args:
        on: the names of what was found wrong, which the message has, too.
    """

    def __init__(self, *args: Any, on: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on = tuple(on)


class Error(checks.Error):
    """An error that names what it is about; see :class:`Warning`."""

    def __init__(self, *args: Any, on: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on = tuple(on)
