"""Moments that people write, parsed: those on command lines and in forms, in the current time zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import get_current_timezone, get_current_timezone_name, is_naive
from django.utils.translation import gettext as _

from pgaudit_log.exceptions import QueryError


def _how() -> str:
    return _(
        "Write one as 2026-01-31T18:00 in the current time zone, as 2026-01-31T18:00Z in UTC, or with"
        " the offset: 2026-01-31T18:00+01:00. A date alone, 2026-01-31, is a day of that time zone."
    )


def moment_of(text: str, *, is_end: bool = False) -> datetime:
    """Return the moment that a text means, with its time zone.

    Without an offset it is one of the current time zone. A date alone is where that day begins,
    or ends, where ``is_end`` says so.

    Raises:
        QueryError: for what is no moment; and for what the time zone has twice or not at all,
            because its clocks were changed then.
    """
    try:
        found = _parsed(text, is_end=is_end)
        if found is not None:
            # What UTC cannot say, PostgreSQL is not asked for.
            found.astimezone(timezone.utc)
    except OverflowError:
        raise QueryError(
            _("%(text)r is out of range. %(how)s") % {"text": text, "how": _how()}
        ) from None
    if found is None:
        raise QueryError(_("%(text)r is no moment. %(how)s") % {"text": text, "how": _how()})
    return found


def _parsed(text: str, *, is_end: bool) -> datetime | None:
    try:
        day = parse_date(text)
        found = parse_datetime(text) if day is None else None
    except ValueError:
        return None
    if day is not None:
        return _beginning(day + timedelta(days=int(is_end)))
    return _of_current_time_zone(found) if found is not None and is_naive(found) else found


def _beginning(day: date) -> datetime:
    """Return where a day begins: at the first of two midnights, or at once where there is none."""
    return datetime.combine(day, time.min, get_current_timezone())


def _of_current_time_zone(naive: datetime) -> datetime:
    zone = get_current_timezone()
    first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    told = {
        "text": naive.isoformat(),
        "zone": get_current_timezone_name(),
        "first": first.isoformat(),
        "second": second.isoformat(),
    }
    if first.astimezone(timezone.utc) > second.astimezone(timezone.utc):
        raise QueryError(
            _(
                "%(text)s is no moment in %(zone)s, whose clocks were put forward past it. Give"
                " another one, or the offset: %(first)s or %(second)s."
            )
            % told
        )
    raise QueryError(
        _(
            "%(text)s is two moments in %(zone)s, whose clocks were put back then. Say which by the"
            " offset: %(first)s or %(second)s."
        )
        % told
    )
