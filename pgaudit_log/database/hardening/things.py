"""Things to harden: tables, views, functions and what they need, with their owners and grants."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from django.apps import apps
from django.db import connections, router
from django.db.migrations.recorder import MigrationRecorder

from pgaudit_log import sql
from pgaudit_log.constants import EVENT_TABLE, SAVED_FILTER_TABLE
from pgaudit_log.database.event_table import insert_into, schema_of
from pgaudit_log.database.written_schema import functions, tables, template
from pgaudit_log.reading import event_classes
from pgaudit_log.values.pinned_settings import own_path, pinned
from pgaudit_log.values.quoting import quote_name

Kind = Literal[
    "database", "schema", "table", "view", "sequence", "function", "type", "domain", "collation"
]
Part = Literal["events", "own", "view", "model", "other", "capture", "called", "place"]

PUBLIC = ""
"""The grantee that is everybody."""

_SECRETS = ("pgaudit_log_mask_key", "pgaudit_log_hashed", "pgaudit_log_new_mask_key")
"""The table of the keys of hashed values, and the functions that use it or write it."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Something with an owner and privileges."""

    kind: Kind
    part: Part
    name: str
    """Its name in SQL, with its schema."""
    owner: str
    is_tracked: bool
    is_truncation_captured: bool
    grants: Mapping[str, Sequence[str]]
    """What each role but the owner was granted; a privilege on a column has "column " in front."""

    @property
    def is_ours(self) -> bool:
        """Whether it is this package's, and not the project's."""
        return self.part in ("events", "own", "view", "capture")

    @property
    def is_secret(self) -> bool:
        """Whether who reads or calls it can try out what was hashed, or hashes with a key of its own."""
        name = self.name.partition("(")[0].rpartition(".")[2]
        return self.part == "own" and self.kind in ("table", "function") and name in _SECRETS

    def held_by(self, role: str) -> frozenset[str]:
        """Return what a role was granted, by itself or as everybody; an owner holds nothing so."""
        return frozenset(self.grants.get(role, ())) | frozenset(self.grants.get(PUBLIC, ()))


def things(using: str) -> list[Thing]:
    """Return all that a hardened database has to own and to grant, from the outside in."""
    schema = schema_of(using)
    into = insert_into(using)
    written = functions(template())
    relations = {
        "own": [
            f"{schema}.{name}"
            for name in tables(template())
            if name not in (EVENT_TABLE, SAVED_FILTER_TABLE)
        ],
        "views": _quoted(
            event_model._meta.db_table for event_model in event_classes.event_models_for(using)
        ),
        "models": _quoted(_model_tables(using)),
        "others": _quoted([MigrationRecorder.Migration._meta.db_table]),
    }
    oids = {part: _oids(using, names) for part, names in relations.items()}
    [events] = _oids(using, [f"{schema}.{EVENT_TABLE}"])
    # The planner takes the catalogues for larger than they are, and would compile it for seconds.
    with pinned(using, jit="off"), own_path(connections[using]) as cursor:
        cursor.execute(
            sql.read("things_to_harden.sql"),
            {
                "events": events,
                **oids,
                "schema": schema,
                "functions": list(written),
                "arguments": [function.arguments for function in written.values()],
                "into": into,
            },
        )
        return [
            Thing(
                kind=kind,
                part=part,
                name=name,
                owner=owner,
                is_tracked=is_tracked,
                is_truncation_captured=is_captured,
                grants=json.loads(grants),
            )
            for kind, part, name, owner, is_tracked, is_captured, grants in cursor.fetchall()
        ]


def _oids(using: str, names: Sequence[str]) -> list[int]:
    """Return the oids of the relations that there are, as the path of the session finds them."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT pg_catalog.to_regclass(name)::oid FROM pg_catalog.unnest(%s::text[]) AS given (name)"
            " WHERE pg_catalog.to_regclass(name) IS NOT NULL",
            [list(names)],
        )
        return [oid for (oid,) in cursor.fetchall()]


def _model_tables(using: str) -> list[str]:
    """Return the tables that ``migrate`` makes for the models of the project and its apps."""
    return sorted(
        {
            model._meta.db_table
            for model in apps.get_models(include_auto_created=True)
            # What people save in the admin is written as the tables of the project are.
            if (model._meta.managed or model._meta.db_table == SAVED_FILTER_TABLE)
            and not model._meta.proxy
            and router.allow_migrate_model(using, model)
        }
    )


def _quoted(names: Iterable[str]) -> list[str]:
    return [quote_name(name) for name in names]
