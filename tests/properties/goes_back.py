"""Rules that go back: reverts, undoes and restores, held against what happened to the rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from pgaudit_log.exceptions import PlanError, QueryError
from pgaudit_log.models import Events
from pgaudit_log.reversal import Applied, Plan, restore, revert, undo
from tests.properties.looks_back import GOLDEN
from tests.properties.machine import Machine, aliases
from tests.properties.sessions import SECOND
from tests.properties.tables import all_tables
from tests.properties.trail import BrokenTrailError, Event, replay
from tests.properties.truth import Image, Outcome, Truth, deeds, image, standing

positions = st.integers(0, 1_000)
"""Which of the events that a session sees, counted round from the newest."""


class GoesBack(Machine):
    """Goes back to random points, and knows what must come of it."""

    def after_each_step(self) -> None:
        """At every third step, go back in one way or another, and take that back: each in turn."""
        super().after_each_step()
        step, rest = divmod(len(self.ends), 3)
        if rest:
            return
        alias = ("default", SECOND)[step // 6 % 2]
        session = self.sessions[alias]
        depth = len(session.blocks)
        session.begin(guarded=True)
        position, other = int(step * GOLDEN % 1 * 1_000), int(step * GOLDEN * 7 % 1 * 1_000)
        (
            lambda: self.undo_event(alias, position, False),
            lambda: self.undo_transaction(alias, position, False),
            lambda: self.undo_context(alias, position, False),
            lambda: self.restore_deleted(alias, position),
            lambda: self.revert_to_event(alias, position, 1 + other % 5),
            lambda: self.revert_to_moment(alias, position, other),
        )[step % 6]()
        if len(session.blocks) > depth:
            session.leave(RuntimeError("it was a rehearsal"))
        self.visible[alias] = self.look(session)

    def picked_event(self, alias: str, position: int, operations: str) -> Event | None:
        """Return one of the events of ``operations`` that a session sees.

        None where the other session keeps the tables locked: what is there is not known then.
        """
        if any(s.truncated for s in self.sessions.values() if s.alias != alias):
            return None
        found = [e for e in self.visible[alias].events if e.operation in operations]
        return found[-1 - position % len(found)] if found else None

    @rule(alias=aliases, position=positions, twice=st.booleans())
    def undo_event(self, alias: str, position: int, twice: bool) -> None:
        """Take back one event."""
        event = self.picked_event(alias, position, "IUDT")
        if event is not None:
            self.undo(alias, [event], {"event": stored(event, alias)}, twice)

    @rule(alias=aliases, position=positions, twice=st.booleans())
    def undo_transaction(self, alias: str, position: int, twice: bool) -> None:
        """Take back all that a transaction did."""
        event = self.picked_event(alias, position, "IUDT")
        if event is not None:
            seen = self.visible[alias].events
            of_it = [e for e in seen if e.txid == event.txid]
            self.undo(alias, of_it, {"txid": event.txid}, twice)

    @rule(alias=aliases, position=positions, twice=st.booleans())
    def undo_context(self, alias: str, position: int, twice: bool) -> None:
        """Take back all that was done in a context, in whatever sessions."""
        event = self.picked_event(alias, position, "IUDT")
        if event is not None and event.context_id is not None:
            seen = self.visible[alias].events
            of_it = [e for e in seen if e.context_id == event.context_id]
            self.undo(alias, of_it, {"context": event.context_id}, twice)

    def undo(self, alias: str, chosen: Sequence[Event], given: dict[str, Any], twice: bool) -> None:
        """Take events back; ``twice`` takes that back in turn."""
        truth = Truth(self.visible[alias].events, self.families)
        ids = {event.id for event in chosen}
        [(name, value)] = given.items()
        reverts = {f"reverts_{name}": getattr(value, "pgh_id", value)}
        if any(event.operation == "T" for event in chosen):
            refuse_plan(lambda: undo(**given, using=alias))
            return
        outcomes = [truth.without(ids, by_key=by_key) for by_key in (True, False)]
        done = self.carry_out(alias, lambda: undo(**given, using=alias), outcomes, reverts)
        # In a transaction of the machine, there would be more under its number.
        if twice and done is not None and done.plan.steps and not self.sessions[alias].blocks:
            self.carry_out(
                alias,
                lambda: undo(txid=done.txid, using=alias),
                [Outcome(rows=truth.rows)],
                {"reverts_txid": done.txid},
            )

    @rule(alias=aliases, position=positions)
    def restore_deleted(self, alias: str, position: int) -> None:
        """Bring a row back, with the lines and notes that went with it."""
        event = self.picked_event(alias, position, "D")
        if event is None:
            return
        truth = Truth(self.visible[alias].events, self.families)
        chosen = truth.deleted_with(event)
        self.carry_out(
            alias,
            lambda: restore(stored(event, alias)),
            [truth.without(chosen, by_key=True)],
            {"reverts_event": event.id},
        )

    @rule(alias=aliases, position=positions, back=st.integers(0, 5))
    def revert_to_event(self, alias: str, position: int, back: int) -> None:
        """Give a row the values that one of its events shows."""
        event = self.picked_event(alias, position, "IUD")
        if event is None:
            return
        seen = self.visible[alias].events
        of_row = [e for e in seen if (e.model, e.tag) == (event.model, event.tag)]
        to = of_row[max(0, of_row.index(event) - back)]
        truth = Truth(seen, self.families)
        there = truth.rows.get((event.model, str(event.tag)))
        last = there or shown(of_row[-1])
        # Not of a row that another has replaced by now: then it would be that other one's revert.
        if there is None and truth.at_key(event.model, last["key"]) is not None:
            return
        obj = self.instance(event.model, last)
        self.carry_out(
            alias,
            lambda: revert(obj, to=stored(to, alias), using=alias),
            [truth.with_row(event.model, last["key"], shown(to))],
            {"reverts_event": to.id},
        )

    @rule(alias=aliases, position=positions, other=positions)
    def revert_to_moment(self, alias: str, position: int, other: int) -> None:
        """Give a row that is there the values of the time when some transaction began."""
        event = self.picked_event(alias, position, "IUD")
        moment = self.picked_event(alias, other, "IUDT")
        if event is None or moment is None:
            return
        seen = self.visible[alias].events
        truth = Truth(seen, self.families)
        now = truth.rows.get((event.model, str(event.tag)))
        past = [e for e in seen if e.created_at <= moment.created_at]
        try:
            replay(past)
        except BrokenTrailError:
            return  # A transaction may be in the past without what it built on.
        if now is None:
            return
        rows = standing(deeds(past))
        was = rows.get((event.model, now["tag"])) or truth.at_key(event.model, now["key"], rows)
        obj = self.instance(event.model, now)
        plan = lambda: revert(obj, to=moment.created_at, using=alias)  # noqa: E731
        if was is None:
            refuse_plan(plan)
            return
        self.carry_out(
            alias,
            plan,
            [truth.with_row(event.model, now["key"], was)],
            {"reverts_to": moment.created_at.isoformat()},
        )

    def instance(self, label: str, row: Image) -> Any:
        """Return an object with the key of a row, and nothing else of it."""
        [table] = [t for t in all_tables(self.families) if t.label == label]
        key = row["key"]
        return table.model(key=int(key[1]) if isinstance(key, tuple) else key)

    def carry_out(
        self,
        alias: str,
        ask: Callable[[], Plan],
        outcomes: Sequence[Outcome],
        reverts: dict[str, Any],
    ) -> Applied | None:
        """Make a plan and apply it; return what it did, ``None`` if something stood in the way.

        Raises:
            BrokenTrailError: if it comes to none of ``outcomes``.
        """
        if any(outcome.doubles_a_tag or outcome.is_mistakable for outcome in outcomes[:1]):
            return None
        session, before = self.sessions[alias], self.visible[alias]
        done: list[Applied] = []
        refusals: list[PlanError] = []
        plan = ask()

        def work() -> None:
            try:
                done.append(plan.apply())
            except PlanError as error:
                refusals.append(error)

        session.write(work)
        after = self.visible[alias] = self.look(session)
        found = Truth(after.events, self.families).rows
        if done:
            if not any(not o.reasons and o.rows == found for o in outcomes):
                raise BrokenTrailError(f"{plan}\n{[differences(o, found) for o in outcomes]}")
            refuse_other_context(self.blocks, self.new_events(before, after), reverts)
            return done[0]
        if refusals and moves_aside_to_a_taken_key(plan):
            return None  # A known fault of the order of steps.
        if refusals:
            if not any(outcome.reasons or outcome.cascades for outcome in outcomes):
                raise BrokenTrailError(f"nothing stands in the way: {refusals[0]}\n{plan}")
            if (after.rows, after.events) != (before.rows, before.events):
                raise BrokenTrailError(f"it was refused, but changed something: {plan}")
        return None


def moves_aside_to_a_taken_key(plan: Plan) -> bool:
    """Return whether a plan moves a row aside to a key that another of its rows has."""
    keys = [(step.label, step.key) for step in plan.steps]
    return len(keys) > len(set(keys))


def refuse_plan(ask: Callable[[], Plan]) -> None:
    """Raise unless there can be no plan.

    Raises:
        BrokenTrailError: with the plan.
    """
    try:
        plan = ask()
    except QueryError:
        return
    raise BrokenTrailError(f"there should be no plan: {plan}")


def refuse_other_context(
    blocks: Sequence[Any], events: list[Event], reverts: dict[str, Any]
) -> None:
    """Raise unless ``events`` say what they revert, beside what the open block has."""
    right = {**(blocks[-1].metadata if blocks else {}), **reverts}
    for event in events:
        recorded = json.loads(event.context)
        if recorded != right or (blocks and event.context_id != blocks[-1].id):
            raise BrokenTrailError(f"it should have the context {right}: {event}")


def stored(event: Event, alias: str) -> Any:
    """Return the event of the log."""
    return Events.objects.using(alias).get(pgh_id=event.id)


def shown(event: Event) -> Image:
    """Return the row that an event shows: as it left it, or as it was when it was deleted."""
    row = image(event.after) or image(event.before)
    assert row is not None
    return row


def differences(outcome: Outcome, found: Any) -> Any:
    """Return what is not as it must be, for people."""
    places = {*outcome.rows, *found}
    return outcome.reasons, {
        place: (outcome.rows.get(place), found.get(place))
        for place in places
        if outcome.rows.get(place) != found.get(place)
    }
