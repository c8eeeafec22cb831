"""Books: which events acknowledged transactions must have left, and whether they are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Count, Max

from pgaudit_log.models import Events


@dataclass(kw_only=True)
class Books:
    """Compares what was acknowledged since the last time with the events since the time before."""

    transactions: int = 0
    expected: int = 0
    found: int = 0
    lost: int = 0
    doubled: int = 0
    first_wrong: list[str] = field(default_factory=list)
    """Some tokens of which the events are not as they must be, and how."""
    _positions: tuple[int, int] = (0, 0)
    """Where the log ended at the last two times: a transaction has ids from before its end."""

    def begin(self) -> None:
        """Leave alone what is in the log already."""
        self._positions = (_end(), _end())

    def check(self, acknowledged: Mapping[str, int]) -> None:
        """Look for the events of transactions that were acknowledged, by token, with their number."""
        end = _end()
        events = Events.objects.filter(pgh_id__gt=self._positions[0], pgh_id__lte=end)
        tokens = events.filter(pgh_context__has_key="load").order_by()
        found = dict(tokens.values_list("pgh_context__load").annotate(number=Count("*")))
        for token, number in acknowledged.items():
            there = found.get(token, 0)
            self.found += there
            self.lost += max(0, number - there)
            self.doubled += max(0, there - number)
            if there != number and len(self.first_wrong) < 10:
                self.first_wrong.append(f"{token}: {there} events instead of {number}")
        self.transactions += len(acknowledged)
        self.expected += sum(acknowledged.values())
        self._positions = (self._positions[1], end)


def _end() -> int:
    """Return the id of the newest event."""
    return int(Events.objects.aggregate(end=Max("pgh_id"))["end"] or 0)
