"""The machine's frame: what it knows, how it writes, and what must hold after each step."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

import pgaudit_log
from tests.properties.sessions import SECOND, Session, empty
from tests.properties.tables import Family, all_tables, stock
from tests.properties.trail import (
    EVENTS,
    BrokenTrailError,
    Event,
    Visible,
    refuse_differences,
    replay,
)
from tests.properties.values import metadata
from tests.support import execute

aliases = st.sampled_from(["default", SECOND])
levels = st.sampled_from(["statement", "row"])


@dataclass(frozen=True, kw_only=True)
class Written:
    """One statement, or one call of the ORM, that a rule has made."""

    session: Session
    before: Visible
    once: bool
    """Whether it changes no row twice, so that its events can be told from its effect."""


class Block(NamedTuple):
    """An open block of context, and what its events should have."""

    opened: pgaudit_log.context
    id: str
    metadata: dict[str, Any]


class Machine(RuleBasedStateMachine):
    """Writes in two sessions, and replays what each of them sees after every step."""

    families: ClassVar[dict[str, Family]]

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        """The open blocks of context."""
        self.known: dict[int, Event] = {}
        """Events that were read before."""
        self.ends: list[int] = [0]
        """The newest event after each step; between two of them a statement may be half done."""
        self.sessions: dict[str, Session] = {}
        self.visible: dict[str, Visible] = {}
        self.written: Written | None = None

    @initialize(
        stocked=st.booleans(),
        metadata=st.none() | metadata,
        begun=st.lists(aliases, max_size=4),
        guarded=st.booleans(),
    )
    def start(
        self, stocked: bool, metadata: dict[str, Any] | None, begun: list[str], guarded: bool
    ) -> None:
        """Begin with empty tables and new connections, so that an example runs alike each time.

        Then maybe stock the tables, enter a context, begin transactions and set savepoints.
        """
        empty(all_tables(self.families))
        self.sessions = {alias: Session(alias) for alias in ("default", SECOND)}
        if stocked:
            for family in self.families.values():
                stock(family)
        if metadata is not None:
            self.enter(metadata)
        for alias in begun:
            self.sessions[alias].begin(guarded=guarded)
        self.visible = {alias: self.look(session) for alias, session in self.sessions.items()}

    def enter(self, metadata: dict[str, Any]) -> None:
        """Open a block of context; inside another one it has its id and adds to its metadata."""
        opened = pgaudit_log.context(**metadata)
        entered = opened.__enter__()
        if not self.blocks:
            self.blocks.append(Block(opened, str(entered.id), metadata))
        else:
            outer = self.blocks[-1]
            self.blocks.append(Block(opened, outer.id, {**outer.metadata, **metadata}))

    def leave(self) -> None:
        """Close the innermost block of context."""
        self.blocks.pop().opened.__exit__(None, None, None)

    def teardown(self) -> None:
        """Leave no block, transaction or connection open."""
        while self.blocks:
            self.leave()
        for session in self.sessions.values():
            session.close()

    def write(self, alias: str, work: Callable[[], Any], *, once: bool = True) -> None:
        """Do ``work`` in a session; PostgreSQL may refuse it."""
        session, before = self.sessions[alias], self.visible[alias]
        if session.write(work):
            self.written = Written(session=session, before=before, once=once)

    def execute(self, alias: str, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement in a session, as :meth:`write` does."""
        self.write(alias, lambda: execute(sql, list(params), using=alias))

    def look(self, session: Session) -> Visible:
        """Return what a session sees now."""
        ids = [
            id
            for (id,) in execute(
                "SELECT id FROM pgaudit_log_event ORDER BY id", using=session.alias
            )
        ]
        new = [id for id in ids if id not in self.known]
        for row in execute(EVENTS, [new], using=session.alias) if new else ():
            self.known[row[0]] = Event.of(row)
        rows = execute("SELECT * FROM replay_rows()", using=session.alias)
        return Visible(
            events=tuple(self.known[id] for id in ids),
            rows={(model, tag): (key, content) for model, tag, key, content in rows},
        )

    @staticmethod
    def new_events(before: Visible, after: Visible) -> list[Event]:
        """Return the events that were not visible before."""
        old = {event.id for event in before.events}
        return [event for event in after.events if event.id not in old]

    @invariant()
    def the_trail_replays_to_the_tables(self) -> None:
        """In each session, what it sees of the trail leads to what it sees of the tables."""
        written, self.written = self.written, None
        locked_by = [session for session in self.sessions.values() if session.truncated]
        for session in self.sessions.values():
            if locked_by and session not in locked_by:
                continue
            seen = self.visible[session.alias] = self.look(session)
            refuse_differences(replay(seen.events), session.alias)
            if written is not None and written.session is session:
                new = self.new_events(written.before, seen)
                refuse_wrong_context(self.blocks[-1] if self.blocks else None, new)
                if written.once:
                    refuse_wrong_effect(written.before, seen, new)
        self.ends.append(max(self.known, default=0))
        self.after_each_step()

    def after_each_step(self) -> None:
        """Check what else must hold of what the sessions see."""


def refuse_wrong_context(block: Block | None, events: list[Event]) -> None:
    """Raise unless ``events`` have the context of ``block``, or none but their session's."""
    for event in events:
        recorded = json.loads(event.context or "null")
        if block is None:
            right = event.context_id is None and recorded is None
        else:
            right = event.context_id == block.id and recorded == block.metadata
        if not right:
            raise BrokenTrailError(f"it should have the context of {block}: {event}")


def refuse_wrong_effect(before: Visible, after: Visible, events: list[Event]) -> None:
    """Raise unless ``events`` are one for each row that was changed, and none for any other."""
    truncated = {event.model for event in events if event.operation == "T"}
    expected = []
    for place in sorted({*before.rows, *after.rows}):
        old, new = before.rows.get(place), after.rows.get(place)
        if old is None:
            expected.append(("I", *place))
        elif new is None and place[0] not in truncated:
            expected.append(("D", *place))
        elif new is not None and old != new:
            expected.append(("U", *place))
    found = [(e.operation, e.model, str(e.tag)) for e in events if e.operation != "T"]
    if sorted(found) != sorted(expected):
        raise BrokenTrailError(f"the rows say {sorted(expected)}, the trail {sorted(found)}")
