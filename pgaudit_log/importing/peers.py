"""The peers whose history can be imported, and what of each is found in a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.importing import (
    auditlog,
    easy_audit,
    easy_audit_accesses,
    pghistory,
    reversion,
    simple_history,
)
from pgaudit_log.importing.accesses import AccessTable
from pgaudit_log.importing.sources import Source

Found: TypeAlias = "Source | tuple[str, str]"
"""A source; or the label of a model, and why there is none of it."""

Tables: TypeAlias = "Mapping[type[models.Model], list[str]]"
"""Tables of a peer's that no class of it is there for, by the model that they are of."""

OfModel: TypeAlias = "tuple[type[models.Model] | None, str]"
"""A table, as SQL names it, and of which model it is; of ``None`` if of several."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A package that has recorded history."""

    name: str
    sources: Callable[[BaseDatabaseWrapper, Tables], Iterator[Found]]
    tables: Callable[[Tables], Iterator[OfModel]]
    """The tables that it reads of a database, those given among them."""
    accesses: Callable[[BaseDatabaseWrapper], Iterator[AccessTable | tuple[str, str]]] = (
        lambda connection: iter(())
    )
    """What is found of logins and requests; of a table of which nothing can be imported, why."""


PEERS = {
    "auditlog": Peer(name=auditlog.NAME, sources=auditlog.sources, tables=auditlog.tables),
    "easy-audit": Peer(
        name=easy_audit.NAME,
        sources=easy_audit.sources,
        tables=easy_audit.tables,
        accesses=easy_audit_accesses.accesses,
    ),
    "pghistory": Peer(name=pghistory.NAME, sources=pghistory.sources, tables=pghistory.tables),
    "reversion": Peer(name=reversion.NAME, sources=reversion.sources, tables=reversion.tables),
    "simple-history": Peer(
        name=simple_history.NAME, sources=simple_history.sources, tables=simple_history.tables
    ),
}
"""The peers, as the command line calls them."""
