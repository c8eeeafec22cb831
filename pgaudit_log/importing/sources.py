"""Sources: a table in which a peer has recorded the history of a tracked model, as SQL reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import MANUAL, UPDATE
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.tables import Field, column_of, concrete


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the records of one kind become: those with one label, or of one type."""

    operation: str
    """The letter of the event's operation. An update of which nothing before is known becomes a baseline."""
    label: str
    """The label of the event."""
    is_old: bool = False
    """Whether such a record has the row as it was before the update."""


@dataclass(frozen=True, kw_only=True)
class Unkept:
    """A column whose values do not come over."""

    column: str
    reason: str


def value_columns(fields: Sequence[Field]) -> dict[str, str]:
    """Return the columns that the values of fields have in a table that is made for an import, by theirs.

    What is told of records stands beside them there, and a model may call a column anything.
    """
    return {column_of(field): f"value_{n}" for n, field in enumerate(fields)}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table of a peer's, each row of which, a **record**, tells of one change of one object.

    Its expressions read a record under the alias ``source``.
    """

    peer: str
    """The name of the peer's package, as events tell it."""
    declaration: Declaration
    """Whose events they become."""
    table: str
    """The table that is read, as SQL names it."""
    name: str
    """The peer's table, as events and people call it."""
    id: str
    """The column that tells records apart, which has an index."""
    order: Sequence[str]
    """The expressions that records are ordered by: the peer's own order."""
    created_at: str
    kind: str
    """The expression of what tells the kind of a record."""
    kinds: Mapping[str, Kind]
    """What the kinds become; records of another kind are left out."""
    key: Sequence[str]
    """The expressions of the key's columns, with the types that they have in the tracked table."""
    columns: Mapping[str, str]
    """The expressions of the tracked columns that it has, with the types of the tracked table."""
    unkept: Sequence[Unkept]
    context_id: str = "NULL::uuid"
    context: str = "NULL::jsonb"
    joins: str = ""
    """What else has to be joined for the context."""
    record_id: str = ""
    """The expression of what events say of the record, if not :attr:`id`."""
    made_by: Sql | None = None
    """The SELECT that the table is made by, if it is no table of the peer's."""
    unknown: str = ""
    """The expression of the names of columns that a record does not know, if not all know all."""
    tells_changes: bool = False
    """Whether a record tells of an update what it has changed; of the rest of the row, those before it do."""
    rounded: Sequence[str] = ()
    """The columns whose values are less exact there than here, and so are not compared."""
    fill: Callable[[BaseDatabaseWrapper], None] | None = None
    """What makes the table, if that takes more than a SELECT."""
    filled: Source | None = None
    """The source as it is once its table is made, if it is another one than that of a plan."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The settings under which its tables are found."""
    is_of_application: bool = False
    """Whether the application's clock has told its times, not PostgreSQL's."""

    def found_under(self, settings: Mapping[str, str]) -> Source:
        """Return the source with the settings under which its tables are found."""
        filled = None if self.filled is None else self.filled.found_under(settings)
        return replace(self, settings=settings, filled=filled)

    @property
    def model(self) -> type[models.Model]:
        """The tracked model."""
        return concrete(self.declaration.tracked_model)

    @property
    def record_id_sql(self) -> str:
        """The expression of what events say of the record."""
        return self.record_id or self.id

    def operation_sql(self) -> str:
        """Return the expression of the operation that a record becomes; NULL for one that is left out."""
        return self._by_kind({name: kind.operation for name, kind in self.kinds.items()})

    def label_sql(self) -> str:
        """Return the expression of the label that its event has, unless that is a baseline."""
        return self._by_kind({name: kind.label for name, kind in self.kinds.items()})

    def is_old_sql(self) -> str:
        """Return the test whether a record has the row as it was before."""
        old = [quote_literal(name) for name, kind in self.kinds.items() if kind.is_old]
        return f"{self.kind} IN ({', '.join(old)})" if old else "FALSE"

    def _by_kind(self, values: Mapping[str, str]) -> str:
        cases = " ".join(
            f"WHEN {quote_literal(name)} THEN {quote_literal(value)}"
            for name, value in values.items()
        )
        return f"CASE {self.kind} {cases} END" if cases else "NULL::text"

    @property
    def tells_twice(self) -> bool:
        """Whether several records may tell of one update, because several kinds are of updates."""
        return sum(kind.operation == UPDATE for kind in self.kinds.values()) > 1

    @property
    def keeps_both(self) -> bool:
        """Whether some records have the row as it was before an update, and others as it was after."""
        updates = [kind for kind in self.kinds.values() if kind.operation == UPDATE]
        return any(kind.is_old for kind in updates) and not all(kind.is_old for kind in updates)

    @property
    def has_manual(self) -> bool:
        """Whether a record may tell what a program had in memory."""
        return any(kind.operation == MANUAL for kind in self.kinds.values())
