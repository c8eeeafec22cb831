"""Ported options: what django-pghistory lets one configure of tables that do not exist here.

What says only what holds anyway is accepted. All else is refused with what to do: to ignore it would
let somebody rely on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import models

from pgaudit_log.exceptions import DeclarationError

NAMES: Final = {
    **dict.fromkeys(
        ("ContextForeignKey", "ContextJSONField", "ContextUUIDField"),
        "Each event has its context, as a dict, and the context's id. Leave the option out.",
    ),
    **dict.fromkeys(
        ("Field", "ForeignKey", "RelatedField"),
        "Events have no columns to configure: they read as the tracked fields do. Leave it out.",
    ),
    "create_event_model": "Track the model with @pgaudit_log.track(), which makes the class of its"
    " events; meta= and attrs= add to it.",
    "DEFAULT": "Leave the option out where the default is meant.",
}
"""Names that django-pghistory exports and we do not, with what to do instead."""

OF_TRACK: Final = {
    "base_model": "The classes of events have one base. Give methods in attrs=, or make a proxy of"
    " the class.",
    "context_field": "Each event has its context, as a dict.",
    "context_id_field": "Each event has the id of its context.",
}
"""Options of ``track()`` there, with what holds here."""

_HOLDS: Final[Mapping[str, tuple[Any, ...]]] = {
    "null": (True,),
    "on_delete": (models.DO_NOTHING,),
    "db_constraint": (False,),
    "db_index": (True,),
    "primary_key": (False,),
    "unique": (False,),
    "unique_for_date": (None, False),
    "unique_for_month": (None, False),
    "unique_for_year": (None, False),
    "blank": (True,),
    "editable": (False,),
}
"""Options of the reference to the object, with the values that say what holds here."""

_WHY: Final = {
    "null": "an event of a whole table, such as a TRUNCATE, has no object",
    "on_delete": "events stay when their object is deleted",
    "db_constraint": "events stay when their object is deleted",
    "db_index": "the event table has the index that finds the events of an object",
    "editable": "events cannot be changed",
    "blank": "events cannot be changed",
}

META: Final = (
    "base_manager_name",
    "db_table",
    "default_manager_name",
    "get_latest_by",
    "ordering",
    "verbose_name",
    "verbose_name_plural",
)
"""What ``meta=`` may have: what the class of events has over a view."""

_INSTEAD: Final = {
    "app_label": "Give app_label= to track() itself.",
    "managed": "The classes of events stand over views, which migrate makes.",
    "abstract": "Make a proxy of the class of events instead.",
    "proxy": "Make a proxy of the class of events instead.",
    "permissions": "Permissions are those of pgaudit_log.Events.",
    "default_permissions": "Permissions are those of pgaudit_log.Events.",
    "triggers": "The event table has the triggers that keep it append-only.",
    **dict.fromkeys(
        ("indexes", "index_together", "constraints", "unique_together"),
        "The classes of events stand over views, which have none. The event table has indexes for"
        " what is asked most; add one of your own to pgaudit_log_event in a migration of yours.",
    ),
}


def refuse_options_of_track(options: Mapping[str, Any], absent: Any) -> None:
    """Raise for options of django-pghistory's ``track()`` that have no meaning here.

    Raises:
        DeclarationError: names the option and says what to do.
    """
    for name, value in options.items():
        if value is absent or (name == "base_model" and value is None):
            continue
        raise DeclarationError(
            f"track() was given {name}={value!r}, but there is no table of events to configure."
            f" {OF_TRACK[name]} Leave {name}= out."
        )


def refuse_options_of_reference(options: Mapping[str, Any]) -> None:
    """Raise for options of the reference to the object that do not hold here.

    Raises:
        DeclarationError: names the option and says why.
    """
    for name, value in options.items():
        if name not in _HOLDS:
            raise DeclarationError(
                f"ObjForeignKey() was given {name}={value!r}, which it does not know. Give"
                " related_name= or related_query_name=."
            )
        if value not in _HOLDS[name]:
            why = _WHY.get(name, "an object has many events")
            raise DeclarationError(
                f"ObjForeignKey() was given {name}={value!r}, but {why}. Leave {name}= out."
            )


def refuse_meta(what: str, meta: Mapping[str, Any]) -> None:
    """Raise for a ``meta=`` that would change nothing.

    Raises:
        DeclarationError: names the option and says what to do.
    """
    for name in meta:
        if name in META or (name, meta[name]) in (("managed", False), ("abstract", False)):
            continue
        instead = _INSTEAD.get(name, f"It may have {', '.join(META)}.")
        raise DeclarationError(
            f'{what}meta= has "{name}", which would do nothing. {instead} Leave it out.'
        )


def refuse_attrs(what: str, attrs: Mapping[str, Any]) -> None:
    """Raise for ``attrs=`` that have columns, or take the place of what an event is made of.

    Raises:
        DeclarationError: names the attribute and says what to do.
    """
    for name, value in attrs.items():
        if isinstance(value, models.Field) and not hasattr(value, "pgh_proxy"):
            raise DeclarationError(
                f'{what}attrs= has a column "{name}", which nothing would fill. Keep it in the'
                " context, and read it with a pgaudit_log.ProxyField on a proxy of the class."
            )
        if name in ("Meta", "__module__") or name.startswith("pgh_"):
            raise DeclarationError(
                f'{what}attrs= would take the place of "{name}". Call it otherwise.'
            )
