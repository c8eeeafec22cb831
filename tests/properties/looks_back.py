"""Rules that travel in time: whole tables and single objects, at moments between the steps."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from pgaudit_log.reading.moments import Moment
from tests.properties.machine import Machine, aliases, levels
from tests.properties.sessions import SECOND
from tests.properties.tables import Table, all_tables
from tests.properties.trail import BrokenTrailError, Event, replay

GOLDEN = 0.618
"""Multiples of it, less their whole part, lie everywhere between 0 and 1."""


class LooksBack(Machine):
    """Asks the ORM for the past, and the replay whether that is so."""

    @rule(
        alias=aliases,
        level=levels,
        positions=st.lists(st.floats(0, 1), min_size=1, max_size=3),
        by_time=st.booleans(),
    )
    def look_back(self, alias: str, level: str, positions: list[float], by_time: bool) -> None:
        """Look at the tables of a level as they were at some moments."""
        for position in positions:
            self.compare(alias, list(self.families[level].tables), position, by_time)

    def after_each_step(self) -> None:
        """At every other step, look at another table and moment in another session: at all in turn, to be quick."""
        step, rest = divmod(len(self.ends), 2)
        if rest:
            return
        tables = all_tables(self.families)
        alias = ("default", SECOND)[step // 8 % 2]
        self.compare(alias, [tables[step % 8]], step * GOLDEN % 1, by_time=step % 3 == 0)

    def compare(self, alias: str, tables: list[Table], position: float, by_time: bool) -> None:
        """Compare ``tables`` as a session sees them at a moment with the replay up to there.

        Raises:
            BrokenTrailError: if they differ.
        """
        if any(s.truncated for s in self.sessions.values()) and not self.sessions[alias].truncated:
            return  # What it sees is not known while the other session has its tables locked.
        seen = self.visible[alias].events
        moment = self.moment(seen, position, by_time)
        try:
            left = replay([event for event in seen if _belongs(event, moment)])
        except BrokenTrailError:
            # By time, a transaction may be in the past without what it built on.
            assert by_time
            return
        for table in tables:
            ids = sorted(left.get(table.label, {}).values())
            refuse_another_past(table, moment, ids, alias)

    def moment(self, seen: tuple[Event, ...], position: float, by_time: bool) -> Moment:
        """Return the end of a step, or the start of a transaction of an event that is ``seen``."""
        if by_time and seen:
            return Moment(at=seen[int(position * (len(seen) - 1))].created_at)
        return Moment(after=self.ends[int(position * (len(self.ends) - 1))])


def _belongs(event: Event, moment: Moment) -> bool:
    if moment.at is not None:
        return event.created_at <= moment.at
    assert moment.after is not None
    return event.id <= moment.after


def refuse_another_past(table: Table, moment: Moment, ids: list[int], alias: str) -> None:
    """Raise unless a table as of a moment has the rows of the events ``ids``.

    Raises:
        BrokenTrailError: with the rows that the ORM finds, and those that there were.
    """
    columns = list(table.types)
    events = table.model.pgh_event_model.objects.using(alias)
    rows = table.model.objects.using(alias).as_of(moment)
    was = _texts(events.filter(pgh_id__in=ids), columns)
    found = _texts(rows, columns)
    if found != was:
        raise BrokenTrailError(f"{table.label} as of {moment} was {was}, not {found}")
    in_force = sorted(events.as_of(moment).values_list("pgh_id", flat=True).iterator())
    if in_force != ids:
        raise BrokenTrailError(f"{table.label} as of {moment}: {ids} are in force, not {in_force}")
    keys = list(
        table.model.objects.using(alias).as_of(moment).values_list("key", flat=True).iterator()
    )
    gone = set(events.values_list("key", flat=True).iterator()) - {*keys, None}
    for key in [*keys[:1], *sorted(gone)[:1]]:
        one = _texts(rows.filter(key=key), columns)
        if one != _texts(events.filter(pgh_id__in=ids, key=key), columns):
            raise BrokenTrailError(f"{table.label} {key} as of {moment} was not {one}")


def _texts(queryset: Any, columns: list[str]) -> list[str]:
    """Return rows as texts that tell values apart which are equal, such as 1.0 and 1.00."""
    return sorted(repr(row) for row in queryset.values_list(*columns).iterator())
