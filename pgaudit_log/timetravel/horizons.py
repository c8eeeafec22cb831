"""Horizons: from when on the past of a model is known, where a retention removed what was older."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from django.db import DatabaseError, connections, models

from pgaudit_log.database.privileges import sqlstate
from pgaudit_log.declaring import former_names
from pgaudit_log.exceptions import UnknownPastError
from pgaudit_log.reading.moments import Moment
from pgaudit_log.values.tables import concrete
from pgaudit_log.values.utc import utc

_NO_DATA_FOUND = "P0002"
_PREFIX = "pgaudit_log: "


class Horizon(NamedTuple):
    """From when on the past of a model is known."""

    since: datetime
    """The first moment that is known."""
    last_id: int
    """The largest id of an event from before; what was just after an earlier one is not known."""

    def hides(self, moment: Moment) -> bool:
        """Return whether events of the past of a moment may have been removed."""
        if moment.at is not None:
            return moment.at < self.since
        assert moment.after is not None
        return moment.after < self.last_id


def horizon_of(model: type[models.Model], using: str) -> Horizon | None:
    """Return the horizon of a model; ``None`` where no retention has removed anything."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT max(since) AT TIME ZONE 'UTC', max(last_id) FROM pgaudit_log_horizon"
            " WHERE model = ANY (%s)",
            [list(former_names.labels_of(concrete(model), using))],
        )
        since, last_id = cursor.fetchone()
        return None if since is None else Horizon(utc(since), last_id)


def refuse_hidden(model: type[models.Model], moment: Moment, what: str, *, using: str) -> None:
    """Raise if a retention has removed events of the past of a moment that tell of ``model``.

    Raises:
        UnknownPastError: when the moment is before the horizon of the model.
    """
    horizon = horizon_of(model, using)
    if horizon is not None and horizon.hides(moment):
        raise UnknownPastError(
            f"{what} is unknown before {horizon.since.isoformat()}: a retention removed its earlier"
            " events. Ask for a later moment."
        )


def refuse_hidden_parts(
    parts: Iterable[type[models.Model]], moment: Moment, whole: str, *, using: str
) -> None:
    """Raise if a retention has removed events of the past of a moment that tell of parts of an object.

    Raises:
        UnknownPastError: when the moment is before the horizon of one of their models.
    """
    for model in dict.fromkeys(parts):
        refuse_hidden(model, moment, f"{model._meta.label}, of parts of {whole},", using=using)


@contextmanager
def hidden_told() -> Iterator[None]:
    """Say, of a query in the block, that a retention has removed what it asks for.

    Raises:
        UnknownPastError: instead of the error of ``pgaudit_log_is_known()``.
    """
    try:
        yield
    except DatabaseError as error:
        told, _, _ = str(error).partition("\n")
        if sqlstate(error) != _NO_DATA_FOUND or not told.startswith(_PREFIX):
            raise
        raise UnknownPastError(f"{told.removeprefix(_PREFIX)}. Ask for a later moment.") from error
