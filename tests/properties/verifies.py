"""Verifying: whatever is written through the triggers, no finding comes of it, and what is not is found."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from pgaudit_log.operating import verify
from tests.properties.machine import Machine, aliases, levels
from tests.properties.sessions import SECOND
from tests.properties.tables import Table, all_tables
from tests.properties.trail import BrokenTrailError


class Verifies(Machine):
    """Asks ``verify()`` for what is wrong with a trail of which nothing is."""

    @rule(alias=aliases, level=levels, batch_size=st.sampled_from([1, 2, 50_000]))
    def verify(self, alias: str, level: str, batch_size: int) -> None:
        """Verify the tables of a level as a session sees them."""
        self.refuse_findings(alias, list(self.families[level].tables), batch_size)

    def after_each_step(self) -> None:
        """At each fourth step verify another table in another session."""
        super().after_each_step()
        step, rest = divmod(len(self.ends), 4)
        if not rest:
            tables = all_tables(self.families)
            self.refuse_findings(("default", SECOND)[step % 2], [tables[step // 2 % 8]], 3)

    def refuse_findings(self, alias: str, tables: list[Table], batch_size: int) -> None:
        """Raise if anything is found.

        Raises:
            BrokenTrailError: with the findings.
        """
        if any(s.truncated for s in self.sessions.values()) and not self.sessions[alias].truncated:
            return  # It would wait for the session that has the tables locked.
        models = [table.model for table in tables]
        findings = list(verify(models, using=alias, batch_size=batch_size))
        if findings:
            raise BrokenTrailError("\n".join(map(str, findings)))
