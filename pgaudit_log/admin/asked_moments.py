"""Asked moments: what the address of a page of the past says of when, read or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from pgaudit_log.diffs.display import in_current_zone, safe
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.presentation.pages import number_of
from pgaudit_log.reading.moments import Moment, aware
from pgaudit_log.values.moment_parser import moment_of


class NoMomentError(Exception):
    """An address that says no moment; ``str()`` is what a person is told."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class AskedMoment:
    """A moment, and how addresses say it."""

    moment: Moment
    time: datetime
    """In the current time zone: of an event when its transaction began."""
    event: Any = None
    """The event that it is just after, where it is asked for by one."""
    is_past: bool = True
    """Whether a moment was asked for; else it is now."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What addresses of pages of the same moment have."""
        if self.event is not None:
            return {"event": self.event.pgh_id}
        return {"t": self.time.isoformat()}

    @property
    def field_value(self) -> str:
        """The time as a field for moments has it; to the second, because that is what it can say."""
        return self.time.replace(tzinfo=None, microsecond=0).isoformat()


def asked_moment(parameters: Mapping[str, Any], using: str) -> AskedMoment:
    """Return the moment that ``event`` or ``t`` of an address says; without both it is now.

    Raises:
        NoMomentError: for what says none, and for one that is yet to come.
    """
    if text := parameters.get("event"):
        id = number_of(text)
        event = None if id is None else Events.objects.using(using).filter(pk=id).first()
        if event is None:
            raise NoMomentError(
                _("There is no event %(id)s.") % {"id": safe(text[:20])}, status=404
            )
        time = in_current_zone(event.pgh_created_at)
        return AskedMoment(moment=Moment.of(event), time=time, event=event)
    if not (text := parameters.get("t")):
        now = aware(timezone.now())
        return AskedMoment(moment=Moment(at=now), time=in_current_zone(now), is_past=False)
    try:
        # A plus that somebody typed into an address is a space there.
        before, space, after = text.rpartition(" ")
        is_offset = space and "T" in before and ":" in after
        at = moment_of(f"{before}+{after}" if is_offset else text)
    except QueryError:
        zone = timezone.get_current_timezone_name()
        raise NoMomentError(
            _(
                "“%(text)s” is no moment. Write one as 2026-01-31T18:00, which is one of the time zone"
                " %(zone)s; where its clocks were changed, with the offset: 2026-01-31T18:00+01:00."
            )
            % {"text": safe(text[:40]), "zone": zone}
        ) from None
    try:
        return AskedMoment(moment=Moment.of(at, using), time=in_current_zone(at))
    except QueryError:
        raise NoMomentError(
            _("%(text)s is yet to come, and what will be is not known.") % {"text": safe(text[:40])}
        ) from None
