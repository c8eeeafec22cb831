"""Ages: how long ago something is, such as ``90d`` or ``7y``, by the calendar."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_AGE = re.compile(r"([1-9][0-9]{0,4})(d|w|m|y)")

_LONGEST_MONTHS = 1000 * 12

HINT = 'Give a number of days, weeks, months or years, such as "90d", "12w", "18m" or "7y".'


@dataclass(frozen=True, kw_only=True)
class Age:
    """A stretch of time back from now, in months of the calendar, or in days."""

    months: int = 0
    days: timedelta = timedelta()

    @classmethod
    def of(cls, value: object) -> Age:
        """Return the age that a text such as ``90d``, or a ``timedelta``, means.

        Raises:
            ValueError: for anything else, and for nothing at all.
        """
        if isinstance(value, timedelta) and value > timedelta():
            return cls(days=value)
        found = _AGE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"{value!r} is no age. {HINT}")
        number, unit = int(found[1]), found[2]
        if unit in "dw":
            return cls(days=timedelta(days=number * (7 if unit == "w" else 1)))
        months = number * (12 if unit == "y" else 1)
        if months > _LONGEST_MONTHS:
            raise ValueError(f"{value!r} is longer than a thousand years. {HINT}")
        return cls(months=months)

    def before(self, moment: datetime) -> datetime:
        """Return the moment that is so long before ``moment``.

        Of a month that has no such day, it is the last day.

        Raises:
            ValueError: when there is no such moment: it would be before the year 1.
        """
        if not self.months:
            try:
                return moment - self.days
            except OverflowError as error:
                raise ValueError(f"{self.days} before {moment.isoformat()} is no time.") from error
        year, month = divmod(moment.year * 12 + moment.month - 1 - self.months, 12)
        if year < 1:
            raise ValueError(f"{self.months} months before {moment.isoformat()} is no time.")
        last = calendar.monthrange(year, month + 1)[1]
        return moment.replace(year=year, month=month + 1, day=min(moment.day, last))
