"""Long transactions: what they have beyond a page of cards, counted up to a bound, and skipped.

A page of events ends anywhere. Here it ends between transactions, where it can. One that goes on is
counted as far as a thousand events; the next page begins behind it, wherever that is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pgaudit_log.presentation import pages
from pgaudit_log.presentation.pages import PAGE_SIZE, Position, number_of
from pgaudit_log.reading import transaction_ends
from pgaudit_log.reading.pages import Page

MOST_COUNTED = 1000
"""How many events of a transaction are counted; of more it is said that there are."""


@dataclass(frozen=True, kw_only=True)
class Skip:
    """The events of a transaction that a page leaves out: those of a range of ids."""

    txid: int
    low: int
    high: int

    @classmethod
    def of(cls, parameters: Any) -> Skip | None:
        """Return what an address says by ``skip``; what says nothing is nothing."""
        numbers = [number_of(text) for text in str(parameters.get("skip", "")).split(".")]
        if len(numbers) != 3 or None in numbers:
            return None
        txid, low, high = (number for number in numbers if number is not None)
        return cls(txid=txid, low=low, high=high)

    def __str__(self) -> str:
        return f"{self.txid}.{self.low}.{self.high}"

    def without(self, events: Any) -> Any:
        """Return a queryset of events without those."""
        return events.exclude(pgh_txid=self.txid, pgh_id__range=(self.low, self.high))


@dataclass(frozen=True, kw_only=True)
class Beyond:
    """What a transaction has beyond a page."""

    counts: Mapping[tuple[str, str], int]
    """How many events of each model and operation, as far as they were counted."""
    has_more: bool
    """Whether there are more."""
    meanwhile: Mapping[str, Any] = field(default_factory=dict)
    """How an address says the page of what others did meanwhile, where that is not shown anyway."""
    meanwhile_url: str = ""

    @property
    def events(self) -> int:
        """How many events were counted."""
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True)
class CardPage:
    """A page of events for cards, and how the addresses of its neighbours say where they begin."""

    page: Page[Any]
    older: Mapping[str, Any] = field(default_factory=dict)
    newer: Mapping[str, Any] = field(default_factory=dict)
    beyond: Mapping[int, Beyond] = field(default_factory=dict)
    """By transaction, of those that go on beyond the page."""


def card_page(events: Any, position: Position, skip: Skip | None) -> CardPage:
    """Return a page of a queryset of events that does not end within a transaction, if that can be."""
    found = plain_page(events, position, skip)
    if skip is not None:
        events = skip.without(events)
    if position.after is not None and found.page.newer is not None:
        return _ending(found, events, is_older=False)
    if position.after is None and found.page.older is not None:
        found = _ending(found, events, is_older=True)
        is_one = len({event.pgh_txid for event in found.page}) == 1
        return _filled(found, events) if is_one and found.older else found
    return found


def _filled(found: CardPage, events: Any) -> CardPage:
    """Return a page of one transaction with those that come behind it, so that it hides nothing."""
    following = plain_page(events, Position(before=found.older["before"]), Skip.of(found.older))
    if following.older:
        if (skip := Skip.of(found.older)) is not None:
            events = skip.without(events)
        following = _ending(following, events, is_older=True)
    page = replace(
        found.page,
        events=(*found.page.events, *following.page.events),
        older=following.page.older,
    )
    beyond = {**found.beyond, **following.beyond}
    return replace(found, page=page, older=following.older, beyond=beyond)


def plain_page(events: Any, position: Position, skip: Skip | None) -> CardPage:
    """Return a page of a queryset of events, wherever it ends."""
    page = pages.page_of(events if skip is None else skip.without(events), position)
    older: dict[str, Any] = {} if page.older is None else {"before": page.older}
    newer: dict[str, Any] = {} if page.newer is None else {"after": page.newer}
    if skip is not None and page.older is not None and skip.low < page.older:
        older["skip"] = str(skip)
    if skip is not None and page.newer is not None and page.newer < skip.high:
        newer["skip"] = str(skip)
    return CardPage(page=page, older=older, newer=newer)


def _ending(found: CardPage, events: Any, *, is_older: bool) -> CardPage:
    """Return a page that goes on on one side, so that its last transaction there is whole, or counted."""
    # From the other end of the page to where it goes on.
    listed = found.page.events if is_older else found.page.events[::-1]
    last = listed[-1]
    own = [event for event in listed if event.pgh_txid == last.pgh_txid]
    run = _run(listed)
    if len(run) == len(own) < len(listed) and len(own) <= PAGE_SIZE // 2:
        return _without(found, run, is_older=is_older)
    # A few of others may stand among them.
    limit = MOST_COUNTED - len(own) + transaction_ends.WINDOW
    following = events.before(last.pgh_id) if is_older else events.after(last.pgh_id)
    following = following.order_by("-pgh_id" if is_older else "pgh_id")
    names = ("pgh_id", "pgh_txid", "pgh_obj_model", "pgh_operation")
    rows: list[Any] = list(following.values_list(*names)[:limit])
    theirs = [row for row in rows if row[1] == last.pgh_txid]
    if not theirs:
        return found
    end = theirs[-1][0]
    goes_on = len(rows) == limit and any(
        row[1] == last.pgh_txid for row in rows[-transaction_ends.WINDOW :]
    )
    if goes_on:
        side = "first" if is_older else "last"
        # The event that was found is as good as the page's own, and nearer.
        event = _place_of(last, end)
        end = transaction_ends.end_of(event, side, str(events.db))  # type: ignore[arg-type]
    low, high = sorted((end, last.pgh_id))
    behind = {"before" if is_older else "after": end}
    skipping = {
        "before" if is_older else "after": last.pgh_id,
        "skip": str(Skip(txid=last.pgh_txid, low=low, high=high)),
    }
    is_alone = not goes_on and rows[: len(theirs)] == theirs
    address = behind if goes_on or is_alone else skipping
    if is_alone and len(theirs) == len(rows):
        address = {}  # nothing comes behind it
    beyond = Beyond(
        counts=Counter((row[2], row[3]) for row in theirs[: MOST_COUNTED - len(own)]),
        has_more=goes_on,
        meanwhile=skipping if goes_on else {},
    )
    changed: dict[str, Any] = {"older" if is_older else "newer": address}
    return replace(found, beyond={last.pgh_txid: beyond}, **changed)


@dataclass(frozen=True, kw_only=True)
class _Place:
    pgh_id: int
    pgh_txid: int
    pgh_created_at: Any


def _place_of(event: Any, id: int) -> _Place:
    """Return the place of another event of the same transaction."""
    return _Place(pgh_id=id, pgh_txid=event.pgh_txid, pgh_created_at=event.pgh_created_at)


def _run(listed: Sequence[Any]) -> list[Any]:
    """Return the events at the end that are of one transaction."""
    found: list[Any] = []
    for event in reversed(listed):
        if event.pgh_txid != listed[-1].pgh_txid:
            break
        found.append(event)
    return found


def _without(found: CardPage, run: list[Any], *, is_older: bool) -> CardPage:
    """Return a page without the few events of a transaction that the next page begins with."""
    ids = {event.pgh_id for event in run}
    events = tuple(event for event in found.page.events if event.pgh_id not in ids)
    if is_older:
        place = max(ids) + 1
        page = replace(found.page, events=events, older=place)
        return replace(found, page=page, older={**found.older, "before": place})
    place = min(ids) - 1
    page = replace(found.page, events=events, newer=place)
    return replace(found, page=page, newer={**found.newer, "after": place})
