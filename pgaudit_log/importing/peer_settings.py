"""The settings of peers, and what is set here instead."""

from __future__ import annotations

from typing import Final

_NO_COLUMNS = "Nothing: events have no columns to configure."
_ADMIN = "Nothing: it is about the admin of the package."

PGHISTORY: Final = {
    "PGHISTORY_ADMIN_ALL_EVENTS": _ADMIN,
    "PGHISTORY_ADMIN_CLASS": _ADMIN,
    "PGHISTORY_ADMIN_LIST_DISPLAY": _ADMIN,
    "PGHISTORY_ADMIN_MODEL": _ADMIN,
    "PGHISTORY_ADMIN_ORDERING": _ADMIN,
    "PGHISTORY_ADMIN_QUERYSET": _ADMIN,
    "PGHISTORY_APPEND_ONLY": "Nothing: events are always append-only.",
    "PGHISTORY_BASE_MODEL": "Nothing: give methods in attrs= of track(), or make a proxy.",
    "PGHISTORY_CONTEXT_FIELD": "Nothing: each event has its context, as a dict.",
    "PGHISTORY_CONTEXT_ID_FIELD": "Nothing: each event has the id of its context.",
    "PGHISTORY_CREATED_AT_FUNCTION": "PGAUDIT_LOG_CREATED_AT_FUNCTION: now() or clock_timestamp().",
    "PGHISTORY_DEFAULT_TRACKERS": "PGAUDIT_LOG_DEFAULT_TRACKERS, with the trackers of pgaudit_log. Without"
    " it, deletes and truncates are captured, too.",
    "PGHISTORY_EXCLUDE_FIELD_KWARGS": _NO_COLUMNS,
    "PGHISTORY_FIELD": _NO_COLUMNS,
    "PGHISTORY_FOREIGN_KEY_FIELD": _NO_COLUMNS,
    "PGHISTORY_INSTALL_CONTEXT_FUNC_ON_MIGRATE": "Nothing: migrate brings all functions up to date.",
    "PGHISTORY_JSON_ENCODER": "PGAUDIT_LOG_JSON_ENCODER.",
    "PGHISTORY_LEVEL": "PGAUDIT_LOG_LEVEL. Without it, triggers are of statements, not of rows.",
    "PGHISTORY_MIDDLEWARE_METHODS": "PGAUDIT_LOG_MIDDLEWARE_METHODS. Without it, requests of all"
    " methods have a context.",
    "PGHISTORY_OBJ_FIELD": "PGAUDIT_LOG_OBJ_FIELD, with an ObjForeignKey of pgaudit_log.",
    "PGHISTORY_RELATED_FIELD": _NO_COLUMNS,
}
"""The settings of django-pghistory."""

SIMPLE_HISTORY: Final = {
    "SIMPLE_HISTORY_DATE_INDEX": "Nothing: the event table has its indexes.",
    "SIMPLE_HISTORY_EDIT": "Nothing: events cannot be edited.",
    "SIMPLE_HISTORY_ENABLED": "Nothing: pgtrigger.ignore() leaves triggers out for a block.",
    "SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS": _ADMIN,
    "SIMPLE_HISTORY_FILEFIELD_TO_CHARFIELD": _NO_COLUMNS,
    "SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD": "Nothing: a context has texts of any length.",
    "SIMPLE_HISTORY_HISTORY_ID_USE_UUID": "Nothing: the id of an event is a number.",
    "SIMPLE_HISTORY_REVERT_DISABLED": _ADMIN,
}
"""The settings of django-simple-history."""

APPS: Final = {"pghistory": PGHISTORY, "simple_history": SIMPLE_HISTORY}
"""The settings by the app that reads them."""
