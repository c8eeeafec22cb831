"""Causal order: in which order events happened, where that is not the order in which they were captured.

A statement is captured when it has ended. Where a trigger of somebody else's has written to
the same table by then, that write was captured first, although it came later. There each
statement takes its ``turn`` as it begins, a number like an id, and events have it.

**Causal order**: within one transaction, events come in the order of their turn, or of their id
where they have none, then of their id. Events of two transactions come in the order of their ids,
never of their turns: a writer that waits for a row takes its turn before the other one commits.
Of one row, the newest event in this order is its last state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from django.db import models
from django.db.models.functions import Coalesce

from pgaudit_log.values.sql_text import Sql, Template


class Placed(Protocol):
    """Something that has a place in the causal order."""

    @property
    def id(self) -> int: ...

    @property
    def txid(self) -> int: ...

    @property
    def turn(self) -> int | None: ...


P = TypeVar("P", bound=Placed)


def ordered(events: Iterable[P]) -> list[P]:
    """Return events in causal order.

    Those of one transaction change places among themselves only.
    """
    by_id = sorted(events, key=lambda event: event.id)
    if all(event.turn is None for event in by_id):
        return by_id
    places: dict[int, list[int]] = {}
    for place, event in enumerate(by_id):
        places.setdefault(event.txid, []).append(place)
    found = list(by_id)
    for own in places.values():
        inside = sorted((by_id[place] for place in own), key=_within)
        for place, event in zip(own, inside, strict=True):
            found[place] = event
    return found


def _within(event: Placed) -> tuple[int, int]:
    return (event.id if event.turn is None else event.turn), event.id


TURN = Coalesce("pgh_turn", "pgh_id", output_field=models.BigIntegerField())
"""What events of one transaction are ordered by first."""


def newest(events: models.QuerySet[Any, Any]) -> Any:
    """Return the newest of the events of one row in causal order; ``None`` of none."""
    last = events.order_by("-pgh_id").first()
    if last is None or last.pgh_turn is None:
        return last
    return events.filter(pgh_txid=last.pgh_txid).order_by(TURN.desc(), "-pgh_id").first()


def up_to(id: int, txid: int, turn: int | None) -> models.Q:
    """Return the filter of the events that come before an event in causal order, and of itself."""
    place = id if turn is None else turn
    inside = models.Q(pgh_txid=txid) & (
        models.Q(models.lookups.LessThan(TURN, place))
        | (models.Q(models.lookups.Exact(TURN, place)) & models.Q(pgh_id__lte=id))
    )
    return inside | (~models.Q(pgh_txid=txid) & models.Q(pgh_id__lte=id))


def _turn_sql(event: str) -> str:
    return f"COALESCE({event}.turn, {event}.id)"


_COMPARED = Template.of(
    "CASE WHEN @event@.txid = @txid@ THEN (@turn@, @event@.id) @sign@ (@other_turn@, @id@)"
    " ELSE @event@.id @sign@ @id@ END"
)
"""The causal order in SQL: how an event stands to another one."""


def since_sql(event: str, other: str, *, itself: bool = False) -> Sql:
    """Return the test whether ``event`` comes after ``other`` in causal order; or is it.

    Args:
        event: the alias of an event.
        other: the alias of another one.
        itself: whether an event comes after itself.
    """
    return _COMPARED.sql(
        event=event,
        turn=_turn_sql(event),
        sign=">=" if itself else ">",
        txid=f"{other}.txid",
        other_turn=_turn_sql(other),
        id=f"{other}.id",
    )


def up_to_sql(event: str, id: int, txid: int, turn: int | None) -> Sql:
    """Return the test of :func:`up_to` of the event under an alias."""
    return _COMPARED.sql(
        event=event,
        turn=_turn_sql(event),
        sign="<=",
        txid=Sql.param(txid),
        other_turn=Sql.param(id if turn is None else turn),
        id=Sql.param(id),
    )


_NEWEST = Template.of("""LEFT JOIN LATERAL (
    SELECT @event@.id, @event@.created_at, @event@.operation, @event@.turn
    FROM @table@ AS @event@
    WHERE @newest@.turn IS NOT NULL
        AND @belongs@
        AND @event@.obj_pk = @newest@.key AND @event@.txid = @newest@.txid
    ORDER BY @turn@ DESC, @event@.id DESC
    LIMIT 1
) AS last ON TRUE""")


def newest_sql(event: str, newest: str, belongs: Template, table: str) -> Template:
    """Return the FROM item ``last``: the newest event of a key's last transaction in causal order.

    It has no row where ``newest``, the one with the largest id, has no turn.

    Args:
        event: the alias of events in ``belongs``.
        newest: the alias of the event with the largest id: ``key``, ``txid`` and ``turn``.
        belongs: the test which events count.
        table: the event table.
    """
    return _NEWEST.fill(
        event=event, newest=newest, belongs=belongs, table=table, turn=_turn_sql(event)
    )
