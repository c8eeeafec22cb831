"""Standings: the parts of an object at a moment and today, and which events are theirs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

from pgaudit_log.declaring.followed_relations import Part
from pgaudit_log.reading import moments
from pgaudit_log.reading.expressions import IsAnyOf
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reading.part_rows import Member, PartRow, Replay
from pgaudit_log.reading.trail_model import all_events
from pgaudit_log.reading.whole_objects import WholeObject


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An object's parts at a moment."""

    parts: Mapping[Part, tuple[Member, ...]]
    """The rows of each part, those that are older than their events among them."""
    rows: tuple[PartRow, ...]
    """All rows that were ever parts, whether they were there at the moment, and parts, or not."""


def paths(whole: WholeObject) -> dict[int, str]:
    """Return the ids of the events of an object and its parts, each with the part's path.

    An event belongs to the object if the row was a part of it before or after; that of the
    object itself has an empty path.
    """
    return Replay(whole, None, is_born=whole.is_older).paths


def standing(
    whole: WholeObject, moment: Moment | None = None, without: Collection[int] = ()
) -> Standing:
    """Return the parts of an object as of a moment; ``None`` for after all events.

    ``without`` are ids of events that are taken for later ones.
    """
    past: Collection[int] | None = None
    if moment is not None:
        with moments.today():
            ids = [record.id for record in whole.records]
            of_it = IsAnyOf(models.F("pgh_id"), ids, field=models.BigIntegerField())
            events: Any = all_events(whole.using).filter(moment.past, of_it)
            past = {*events.order_by().values_list("pk", flat=True)} - {*without}
    # An earlier object with the key is taken for the same, as it is by who asks for that time.
    replay = Replay(whole, past, is_born=True)
    return Standing(parts=replay.members(), rows=tuple(replay.rows))


def today(whole: WholeObject) -> Standing:
    """Return the parts of an object as their tables have them; of their states only what events say."""
    rows = standing(whole).rows
    by_place = {row.place: row for row in rows if row.exists}
    root = PartRow(model=whole.model, key=whole.key, origin="")
    members: dict[Part, list[Member]] = {}
    for part in whole.parts:
        above = [root] if part.above is None else [m.row for m in members[part.above]]
        owners: dict[str | None, PartRow] = {
            owner.key if part.is_by_key else _owned_today(whole, part, owner): owner
            for owner in above
        }
        members[part] = [
            Member(
                row=by_place.get((part.model, key))
                or PartRow(model=part.model, key=key, origin=key, is_known=False),
                owner=owners[live.points_at],
            )
            for key, live in whole.live[part].items()
            if live.points_at is not None and live.points_at in owners
        ]
    return Standing(parts={part: tuple(own) for part, own in members.items()}, rows=rows)


def _owned_today(whole: WholeObject, part: Part, owner: PartRow) -> str | None:
    """Return what rows point at that belong to a row of today, where that is not its key."""
    if part.above is None:
        return whole.owned.get(part)
    return whole.live[part.above][owner.key].owned.get(part)
