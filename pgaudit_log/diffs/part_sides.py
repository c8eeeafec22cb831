"""Part sides: the parts of an object as they stood on one side of a diff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import models

from pgaudit_log.declaring.followed_relations import Part
from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.comparison import Side
from pgaudit_log.reading import standings
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reading.part_rows import Member, Origin
from pgaudit_log.reading.whole_objects import WholeObject
from pgaudit_log.timetravel import horizons, recorded_past
from pgaudit_log.values.row_json import State
from pgaudit_log.values.tables import column_of


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row that is a part on one side."""

    key: str
    origin: Origin
    owner: Origin
    """Which row it belongs to."""
    side: Side


@dataclass(frozen=True, kw_only=True)
class PartSide:
    """The parts on one side."""

    moment: Moment | None
    """``None`` for now."""
    entries: Mapping[Part, Mapping[Origin, Entry]] = field(default_factory=dict)
    unknown: frozenset[tuple[type[models.Model], Origin]] = frozenset()
    """The rows of which nothing says how they were."""


def at(whole: WholeObject, moment: Moment) -> PartSide:
    """Return the parts of an object as of a moment.

    Raises:
        UnknownPastError: when a retention has removed what was before it.
    """
    name = f"{whole.model._meta.label} {whole.key}"
    horizons.refuse_hidden_parts((p.model for p in whole.parts), moment, name, using=whole.using)
    found = standings.standing(whole, moment)
    return PartSide(
        moment=moment,
        entries={
            part: {
                member.row.origin: _entry(member, member.row.state, known)
                for member in members
                if member.row.is_known
            }
            for part, members in found.parts.items()
            for known in [_tracked(part)]
        },
        unknown=frozenset((row.model, row.origin) for row in found.rows if not row.is_known),
    )


def now(whole: WholeObject) -> PartSide:
    """Return the parts of an object as they are; one query for each model."""
    found = standings.today(whole)
    places = {member.row.place for members in found.parts.values() for member in members}
    rows = current_rows.read(places, whole.using)
    return PartSide(
        moment=None,
        entries={
            part: {
                member.row.origin: _entry(member, rows[member.row.place], known)
                for member in members
                if member.row.place in rows
            }
            for part, members in found.parts.items()
            for known in [_tracked(part)]
        },
    )


def _tracked(part: Part) -> frozenset[str]:
    """Return the columns that events can tell of."""
    histories = recorded_past.histories_of(part.model)
    return frozenset(column_of(own) for history in histories for own in history.tracked)


def _entry(member: Member, state: State, known: frozenset[str]) -> Entry:
    return Entry(
        key=member.row.key,
        origin=member.row.origin,
        owner=member.owner.origin,
        side=Side(state=state, known=known),
    )
