"""Past ids: the ids of events that are older than the log, such as imported ones.

What the log captures has ids from 1. The ids below 0 are for what came before: they sort by
time, several sources can be brought in one after the other, and each id tells its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone

IDS_OF_A_MILLISECOND = 2**21
"""How many events of one millisecond there can be before the next one's ids are taken."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

LargestInUse = Callable[[int, int], "int | None"]
"""Returns the largest id in use from one id to another, both included; ``None`` if there is none."""


def first_id(moment: datetime) -> int:
    """Return the first id of the millisecond of ``moment``, an aware datetime.

    It is -2^63 + milliseconds since 1970 * 2^21.

    Raises:
        ValueError: for a moment before 1970 or after May 2109, whose ids would not be negative.
    """
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    id = -(2**63) + milliseconds * IDS_OF_A_MILLISECOND
    if not -(2**63) <= id < 0:
        raise ValueError(
            f"{moment.isoformat()} has no id: there are ids for events from 1970 to May 2109 only."
        )
    return id


def moment_of(id: int) -> datetime:
    """Return the moment that an id below 0 was made for, to the millisecond.

    Raises:
        ValueError: for the id of an event that the log captured, which tells no time.
    """
    if not -(2**63) <= id < 0:
        raise ValueError(f"{id} is the id of a captured event, which tells no time.")
    return _EPOCH + timedelta(milliseconds=(id + 2**63) // IDS_OF_A_MILLISECOND)


def past_ids(moments: Iterable[datetime], largest_in_use: LargestInUse) -> Iterator[int]:
    """Yield an id for each of ``moments``, those of one source's events in the order of that source.

    Within a millisecond they count on in that order, behind the largest that earlier sources have;
    where its ids are used up, in the next one. ``largest_in_use`` is asked once a millisecond,
    and need not know of the ids that were yielded.

    Raises:
        ValueError: for a moment that has no id.
    """
    following: dict[int, int] = {}
    for moment in moments:
        start = first_id(moment)
        while True:
            end = start + IDS_OF_A_MILLISECOND - 1
            if start not in following:
                used = largest_in_use(start, end)
                following[start] = start if used is None else used + 1
            id = following[start]
            if id <= end:
                break
            start = end + 1
            if start >= 0:
                raise ValueError(f"{moment.isoformat()} has no id left below 0.")
        following[start] = id + 1
        yield id
