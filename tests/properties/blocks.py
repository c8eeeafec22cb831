"""Rules that open and close transactions, savepoints and contexts around the writes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

import pgaudit_log
from tests.properties import values as v
from tests.properties.machine import Machine, aliases


class Blocks(Machine):
    """Opens and closes blocks, in no order but that of a stack."""

    @rule(alias=aliases, guarded=st.booleans())
    def begin(self, alias: str, guarded: bool) -> None:
        """Start a transaction or a savepoint."""
        if len(self.sessions[alias].blocks) < 4:
            self.sessions[alias].begin(guarded=guarded)

    @rule(alias=aliases)
    def keep(self, alias: str) -> None:
        """Commit, or release a savepoint; or start a transaction, where there is none."""
        session = self.sessions[alias]
        if session.blocks:
            session.leave()
        else:
            session.begin()

    @rule(alias=aliases)
    def take_back(self, alias: str) -> None:
        """Roll back, all or to a savepoint; or start a transaction, where there is none."""
        session = self.sessions[alias]
        if session.blocks:
            session.leave(RuntimeError("taken back"))
        else:
            session.begin(guarded=True)

    @rule(metadata=v.metadata)
    def enter_context(self, metadata: dict[str, object]) -> None:
        """Open a block of context, maybe inside another."""
        self.enter(metadata)

    @rule(metadata=v.metadata)
    def add_to_context(self, metadata: dict[str, object]) -> None:
        """Add to the innermost block; outside of blocks it does nothing."""
        pgaudit_log.context(**metadata)
        if self.blocks:
            block = self.blocks.pop()
            self.blocks.append(block._replace(metadata={**block.metadata, **metadata}))

    @rule()
    def leave_context(self) -> None:
        """Close the innermost block of context, if there is one."""
        if self.blocks:
            self.leave()
