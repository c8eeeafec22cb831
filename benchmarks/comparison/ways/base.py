"""What a package may be asked for: each way answers as its package's documentation says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One recorded event, as the package gives it."""

    operation: str
    """``insert``, ``update``, ``delete``, ``truncate`` or ``many-to-many``."""
    new: Mapping[str, Any] | None = None
    """The values after it, by field, as far as it has them."""
    old: Mapping[str, Any] | None = None
    """The values before it that this event itself has."""
    user: Any = None
    """The key of the user."""
    user_name: str | None = None
    """Their name or address, as it was then."""
    url: str | None = None
    reason: str | None = None
    address: str | None = None
    role: str | None = None
    """The database role."""
    group: Any = None
    """What it has in common with what was done together with it."""


class NotOfferedError(Exception):
    """The package has no way to do this; the message may say what it has in its place."""


class Way:
    """How one package is asked; what it does not override, the package does not offer."""

    def seen(self, model: Any, pk: Any) -> list[Seen]:
        """Return the events of an object, the oldest first."""
        raise NotImplementedError

    def links_seen(self, order: Any) -> list[str]:
        """Return what is recorded of an order's tags, the oldest first."""
        raise NotOfferedError

    def block(self) -> AbstractContextManager[Any]:
        """Return the block that the package wants around each change; most want none."""
        return nullcontext()

    def forget(self) -> None:
        """Forget what an earlier request has left in the process, as in one that had none."""

    def truncations_seen(self, model: Any) -> int:
        """Return how many times a table's truncation is recorded."""
        raise NotOfferedError

    # Writing.
    def bulk_create(self, objects: Sequence[Any]) -> None:
        """Create rows by the package's own helper."""
        raise NotOfferedError

    def bulk_update(self, objects: Sequence[Any], fields: Sequence[str]) -> None:
        """Update rows by the package's own helper."""
        raise NotOfferedError

    def as_user(self, user: Any, reason: str) -> AbstractContextManager[Any]:
        """Return a block outside of requests that says who and why."""
        raise NotOfferedError

    def without_recording(self, order: Any) -> AbstractContextManager[Any]:
        """Return a block in which nothing is recorded of an order."""
        raise NotOfferedError

    def create_event(self, order: Any) -> None:
        """Record an event by hand, without a change of the row."""
        raise NotOfferedError

    def listening(self, call: Callable[[], None]) -> AbstractContextManager[Any]:
        """Return a block in which ``call`` is called whenever an event is recorded."""
        raise NotOfferedError

    # Reading.
    def changes(self, order: Any) -> Mapping[str, tuple[Any, Any]]:
        """Return what the newest event changed, by field: old and new."""
        raise NotOfferedError

    def diff(self, order: Any) -> Mapping[str, tuple[Any, Any]]:
        """Return what differs between the first and the newest version."""
        raise NotOfferedError

    def as_of(self, order: Any, moment: datetime) -> Any:
        """Return the order as it was."""
        raise NotOfferedError

    def version_before(self, order: Any, moment: datetime) -> Mapping[str, Any]:
        """Return the values of the newest version until a moment, where there is no `as_of`."""
        raise NotOfferedError

    def lines_as_of(self, moment: datetime, status: str) -> list[Any]:
        """Return the keys of the lines whose order had this status then, by one query."""
        raise NotOfferedError

    def blame(self, order: Any, field: str) -> Any:
        """Return the key of the user who gave a field its value."""
        raise NotOfferedError

    def trail(self) -> list[tuple[str, str]]:
        """Return model and key of the newest events of all models, the newest first."""
        raise NotOfferedError

    def referring(self, customer: Any) -> list[tuple[str, str]]:
        """Return model and key of the events of what pointed at a customer."""
        raise NotOfferedError

    def together(self, order: Any) -> list[str]:
        """Return the models of the events of an order together with its lines."""
        raise NotOfferedError

    def typed(self, order: Any) -> Mapping[str, Any]:
        """Return the values of an order's newest event, as the package gives them."""
        return self.seen(type(order), order.pk)[-1].new or {}

    def filtered(self, order: Any, status: str) -> int:
        """Return how many events of an order have this status, by a filter of the database."""
        raise NotOfferedError

    def logins(self) -> int:
        """Return how many logins are recorded."""
        raise NotOfferedError

    def page_views(self) -> int:
        """Return how many requests that change nothing are recorded."""
        raise NotOfferedError

    # Going back.
    def revert(self, order: Any) -> None:
        """Give an order the values of its first version."""
        raise NotOfferedError

    def restore(self, model: Any, pk: Any) -> None:
        """Bring a deleted object back."""
        raise NotOfferedError

    def undo(self, order: Any) -> None:
        """Take back all that the newest transaction of an order did."""
        raise NotOfferedError

    def preview(self, order: Any) -> str:
        """Return what a revert to the first version would do, without doing it."""
        raise NotOfferedError

    # Keeping.
    def events(self, model: Any, pk: Any) -> Any:
        """Return the queryset of the recorded events of an object."""
        raise NotImplementedError

    def age(self, order: Any) -> None:
        """Have events of an order that are some years old."""
        raise NotOfferedError

    def remove_old(self) -> None:
        """Remove the events that are older than a year, by the package's command."""
        raise NotOfferedError

    def unrecorded(self, order: Any) -> bool:
        """Return whether it is found that an order was changed past the package."""
        raise NotOfferedError

    def import_history(self) -> int:
        """Import another package's recorded history; return how many events came over."""
        raise NotOfferedError

    def remove_duplicates(self) -> None:
        """Remove the events of lines that changed nothing."""
        raise NotOfferedError

    # The admin, as addresses.
    def object_page(self, order: Any) -> str:
        """Return where the history of an order is shown."""
        raise NotOfferedError

    def trail_page(self) -> str:
        """Return where the events of all models are shown."""
        raise NotOfferedError

    def comparison_page(self, order: Any) -> str:
        """Return where the first and the newest version of an order are compared."""
        raise NotOfferedError

    def revert_page(self, order: Any) -> str:
        """Return where an order is reverted to its first version."""
        raise NotOfferedError

    def deleted_page(self, order_key: Any) -> str:
        """Return where deleted orders are listed, to be restored."""
        raise NotOfferedError
