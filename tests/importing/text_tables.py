"""Tables as django-auditlog, django-easy-audit and django-reversion make them, filled by hand: for what is seldom in them."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.contenttypes.models import ContentType

from tests.importing.peer_tables import at
from tests.support import execute

ENTRIES, CRUD = "auditlog_logentry", "easyaudit_crudevent"

CREATE, UPDATE, DELETE, ACCESS = range(4)

CRUD_CREATE, CRUD_UPDATE, CRUD_DELETE = 1, 2, 3


def make_tables() -> None:
    """Make the tables of log entries and of CRUD events."""
    execute(
        f"CREATE TABLE {ENTRIES} (id bigserial PRIMARY KEY, content_type_id int, object_pk varchar(255),"
        " object_repr text, serialized_data jsonb, action smallint, changes_text text, changes jsonb,"
        " actor_id int, cid text, remote_addr inet, remote_port int, timestamp timestamptz,"
        " additional_data jsonb, actor_email text);"
        f"CREATE TABLE {CRUD} (id bigserial PRIMARY KEY, event_type smallint, object_id varchar(255),"
        " content_type_id int, object_repr text, object_json_repr text, changed_fields text, user_id int,"
        " user_pk_as_string text, datetime timestamptz)"
    )


def entry(
    action: int, key: Any, changes: Any, when: float, *, model: str = "thing", **more: Any
) -> None:
    """Write a log entry, as django-auditlog does, of a model of the app ``shop``."""
    more = {"changes": json.dumps(changes), **more}
    content_type = ContentType.objects.get_or_create(app_label="shop", model=model)[0]
    values = [content_type.pk, str(key), action, at(when), *more.values()]
    execute(
        f"INSERT INTO {ENTRIES} (content_type_id, object_pk, action, timestamp, {', '.join(more)})"
        f" VALUES ({', '.join(['%s'] * len(values))})",
        values,
    )


def crud(type_number: int, key: Any, row: Any, when: float, **more: Any) -> None:
    """Write a CRUD event, as django-easy-audit does."""
    text = json.dumps([{"model": "shop.thing", "pk": key, "fields": row}]) if row else ""
    content_type = ContentType.objects.get_or_create(app_label="shop", model="thing")[0]
    values = [content_type.pk, str(key), type_number, at(when), text, *more.values()]
    names = ", ".join(["object_json_repr", *more])
    execute(
        f"INSERT INTO {CRUD} (content_type_id, object_id, event_type, datetime, {names})"
        f" VALUES ({', '.join(['%s'] * len(values))})",
        values,
    )


def make_versions() -> None:
    """Make the tables of versions."""
    execute(
        "CREATE TABLE reversion_revision (id bigserial PRIMARY KEY, date_created timestamptz,"
        " user_id int, comment text);"
        "CREATE TABLE reversion_version (id bigserial PRIMARY KEY, object_id varchar(191), db varchar(191),"
        " format text, serialized_data text, content_type_id int, revision_id bigint)"
    )


def version(key: Any, row: Any, when: float) -> None:
    """Write a version in a revision of its own, as django-reversion does."""
    [[revision]] = execute(
        "INSERT INTO reversion_revision (date_created, comment) VALUES (%s, '') RETURNING id",
        [at(when)],
    )
    content_type = ContentType.objects.get_or_create(app_label="shop", model="thing")[0]
    text = json.dumps([{"model": "shop.thing", "pk": key, "fields": row}])
    execute(
        "INSERT INTO reversion_version (object_id, db, format, serialized_data, content_type_id, revision_id)"
        " VALUES (%s, 'default', 'json', %s, %s, %s)",
        [str(key), text, content_type.pk, revision],
    )


def created(key: int, n: int = 1) -> dict[str, list[str]]:
    """Return the changes of a creation."""
    return {name: ["None", str(value)] for name, value in {"id": key, "n": n, "word": "w"}.items()}
