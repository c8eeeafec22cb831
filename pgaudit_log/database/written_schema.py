"""The written schema: what the SQL of this package makes, as values to compare a database with."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from pgaudit_log import sql
from pgaudit_log.conf import settings


class Function(NamedTuple):
    """A function as it is written, or as it is installed."""

    arguments: str
    result: str | None
    """What it returns; ``None`` where its OUT arguments say so."""
    language: str
    volatility: str
    is_strict: bool
    is_definer: bool
    parallel: str
    settings: frozenset[str]
    body: str
    is_public: bool
    """Whether everybody may call it."""


class Column(NamedTuple):
    """A column as it is written, or as it is installed."""

    type: str
    is_required: bool
    identity: str
    default: str | None
    collation: str | None


class Table(NamedTuple):
    """A table as it is written, or as it is installed."""

    columns: dict[str, Column]
    constraints: frozenset[tuple[str, tuple[str, ...]]]
    """The kind of each, as PostgreSQL abbreviates it, and its columns."""


_FUNCTION = re.compile(
    r"^CREATE OR REPLACE FUNCTION @schema@\.(?P<name>\w+)\((?P<arguments>[^$]*?)\)\n(?P<header>[^$]*?)"
    r"^AS \$pgaudit_log\$(?P<body>.*?)\$pgaudit_log\$;",
    re.M | re.S,
)
_TABLE = re.compile(
    r"^CREATE TABLE IF NOT EXISTS @schema@\.(?P<name>\w+) \(\n(?P<lines>.*?)^\)", re.M | re.S
)
_INDEX = re.compile(r"^CREATE INDEX IF NOT EXISTS (?P<name>\w+)\s[^;]*;", re.M)
_COLUMN = re.compile(r"^(?P<name>[a-z_]+)\s+(?P<type>[a-z]+(?:\[\])?)(?=\s|$)(?P<rest>.*)$")
_SET = re.compile(r'^SET "?(?P<name>\w+)"? = (?P<value>.*)$', re.M)

_LONG_NAMES = {"timestamptz": "timestamp with time zone"}
"""The types of ours that PostgreSQL shows under another name."""

_VOLATILITIES = {"IMMUTABLE": "i", "STABLE": "s", "VOLATILE": "v"}


def functions(template: str) -> dict[str, Function]:
    """Return the functions that a template makes, by their names, for any schema."""
    return {found["name"]: _function(found, template) for found in _FUNCTION.finditer(template)}


def _function(found: re.Match[str], template: str) -> Function:
    header = found["header"]
    returns = re.search(r"^RETURNS (.+)$", header, re.M)
    language = re.search(r"^LANGUAGE (\w+)$", header, re.M)
    volatility = re.search(r"^(IMMUTABLE|STABLE|VOLATILE)$", header, re.M)
    parallel = re.search(r"^PARALLEL (\w)", header, re.M)
    assert language is not None, found["name"]
    return Function(
        arguments=_shown(found["arguments"]),
        result=_shown(returns[1]) if returns else None,
        language=language[1],
        volatility=_VOLATILITIES[volatility[1] if volatility else "VOLATILE"],
        is_strict=re.search(r"^STRICT$", header, re.M) is not None,
        is_definer=re.search(r"^SECURITY DEFINER$", header, re.M) is not None,
        parallel=parallel[1].lower() if parallel else "u",
        settings=_pinned_settings(header),
        body=found["body"],
        is_public=f"REVOKE ALL ON FUNCTION @schema@.{found['name']}(" not in template,
    )


def _shown(text: str) -> str:
    """Return arguments or a result as PostgreSQL shows them."""
    for short, long in _LONG_NAMES.items():
        text = re.sub(rf"\b{short}\b", long, text)
    return " ".join(text.split()).replace("TABLE (", "TABLE(")


def _pinned_settings(header: str) -> frozenset[str]:
    """Return the settings that a function pins, as PostgreSQL keeps them."""
    return frozenset(
        f"{pin['name']}={pin['value'].strip(chr(39))}" for pin in _SET.finditer(header)
    )


def tables(template: str) -> dict[str, Table]:
    """Return the tables that a template makes, by their names; the DEFAULT partition aside."""
    return {found["name"]: _table(found["lines"]) for found in _TABLE.finditer(template)}


def _table(lines: str) -> Table:
    columns: dict[str, Column] = {}
    constraints = set()
    for line in lines.splitlines():
        text = line.strip().rstrip(",")
        whole = re.match(r"(PRIMARY KEY|UNIQUE) \((.*)\)$", text)
        if whole:
            constraints.add((whole[1][0].lower(), tuple(whole[2].split(", "))))
            continue
        column = _COLUMN.match(text)
        if column is None:
            continue
        name, rest = column["name"], column["rest"]
        default = re.search(r"DEFAULT (\S+)$", rest)
        identity = re.search(r"GENERATED (ALWAYS|BY DEFAULT) AS IDENTITY", rest)
        kinds = {"PRIMARY KEY": "p", "REFERENCES": "f", "CHECK": "c"}
        constraints |= {(kind, (name,)) for word, kind in kinds.items() if word in rest}
        columns[name] = Column(
            type=_LONG_NAMES.get(column["type"], column["type"]),
            is_required="NOT NULL" in rest,
            identity={"ALWAYS": "a", "BY DEFAULT": "d"}[identity[1]] if identity else "",
            default=default[1] if default else None,
            collation="C" if 'COLLATE "C"' in rest else None,
        )
    return Table(columns, frozenset(constraints))


def indexes(template: str) -> dict[str, str]:
    """Return the indexes that a template makes on the event table: their definitions, by name."""
    return {found["name"]: plain(found[0]) for found in _INDEX.finditer(template)}


def plain(definition: str) -> str:
    """Return the definition of an index without what PostgreSQL spells otherwise than people do."""
    text = re.sub(
        r"\bon\b.*?(?=pgaudit_log_event\b)", "on ", definition.lower(), count=1, flags=re.S
    )
    return re.sub(r"if not exists|using btree|::text|[\s();'\"]+", "", text)


@cache
def _template(has_references_index: bool) -> str:
    return sql.template() + has_references_index * sql.read("references_index.sql")


def template() -> str:
    """Return the SQL that the schema should be made by."""
    return _template(bool(settings.INDEX_REFERENCES))
