"""django-easy-audit: its login events and request events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.conf import settings
from pgaudit_log.contexts import masks, request_actors
from pgaudit_log.importing.accesses import AccessTable
from pgaudit_log.importing.easy_audit import NAME
from pgaudit_log.importing.peer_tables import is_readable, types_of
from pgaudit_log.reading import user_lookup
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.tables import column_of, concrete, table_of

_LOGINS, _REQUESTS = "easyaudit_loginevent", "easyaudit_requestevent"

_LONGEST_NAME = 150
"""How many characters of a name that somebody tried are kept."""


def accesses(connection: BaseDatabaseWrapper) -> Iterator[AccessTable | tuple[str, str]]:
    """Yield the tables of who came and which requests; of one that cannot be read, its name and why."""
    for name, records in ((_LOGINS, _logins), (_REQUESTS, _requests)):
        if not types_of(name, connection):
            continue
        if is_readable(name, connection):
            yield AccessTable(peer=NAME, name=name, records=records(connection))
        else:
            yield name, f"The role may not read {name}. Grant it SELECT."


def _logins(connection: BaseDatabaseWrapper) -> str:
    known = _user_called("event.username", connection)
    name = "NULLIF(event.username, '')"
    tried = f"left({name}, {_LONGEST_NAME})"
    if settings.ACCESS_NAMES != "all":
        tried = f"CASE WHEN {known} IS NOT NULL THEN {tried} END"
    if _is_hidden():
        name = tried = "NULL::text"
    user = user_lookup.user_model()
    label = concrete(user)._meta.label if user is not None else ""
    concerned = f"CASE event.login_type WHEN 2 THEN {known} ELSE event.user_id::text END"
    return f"""
        SELECT
            event.id::bigint AS source_id,
            event.datetime AS created_at,
            CASE event.login_type WHEN 0 THEN 'login' WHEN 1 THEN 'logout' ELSE 'failed login' END AS kind,
            CASE event.login_type WHEN 0 THEN 'login' WHEN 1 THEN 'logout' ELSE 'login_failed' END AS label,
            CASE WHEN event.login_type <> 2 THEN event.user_id::text END AS obj_pk,
            jsonb_strip_nulls(CASE event.login_type
                WHEN 2 THEN jsonb_build_object('tried_name', {tried})
                ELSE jsonb_build_object('user', event.user_id, 'user_name', {name})
            END) AS snapshot,
            CASE WHEN {concerned} IS NOT NULL
                THEN ARRAY[{quote_literal(label + ":")} || ({concerned})]
            END AS refs,
            NULLIF(jsonb_strip_nulls(jsonb_build_object(
                'user', CASE WHEN event.login_type <> 2 THEN event.user_id END,
                'ip', NULLIF(event.remote_ip, '')
            )), '{{}}') AS context
        FROM {_LOGINS} AS event
    """


def _requests(connection: BaseDatabaseWrapper) -> str:
    user = user_lookup.user_model()
    label = concrete(user)._meta.label if user is not None else ""
    return f"""
        SELECT
            event.id::bigint AS source_id,
            event.datetime AS created_at,
            'request' AS kind,
            'request' AS label,
            event.user_id::text AS obj_pk,
            jsonb_strip_nulls(jsonb_build_object('user', event.user_id, 'url', event.url)) AS snapshot,
            CASE WHEN event.user_id IS NOT NULL
                THEN ARRAY[{quote_literal(label + ":")} || event.user_id]
            END AS refs,
            jsonb_strip_nulls(jsonb_build_object(
                'user', event.user_id,
                'url', event.url || COALESCE('?' || NULLIF(left(event.query_string, 2000), ''), ''),
                'method', event.method,
                'ip', NULLIF(event.remote_ip, '')
            )) AS context
        FROM {_REQUESTS} AS event
    """


def _user_called(name: str, connection: BaseDatabaseWrapper) -> str:
    """Return the expression of the key of the user who has a name, if users are in this database."""
    model: Any = user_lookup.user_model()
    if model is None:
        return "NULL::text"
    field = model._meta.get_field(model.USERNAME_FIELD)
    own = concrete(field.model)
    if column_of(field) not in types_of(table_of(own), connection):
        return "NULL::text"
    return (
        f"(SELECT named.{quote_name(column_of(own._meta.pk))}::text FROM {table_of(own)} AS named"
        f" WHERE named.{quote_name(column_of(field))}::text = {name} LIMIT 1)"
    )


def _is_hidden() -> bool:
    """Return whether no event is to have the names of users."""
    model = user_lookup.user_model()
    return request_actors.is_hidden(model, "get_username") or ("user_name",) in masks.paths()
