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

_FIELDS_ARE_TYPED = "Nothing: events have values, not texts."
_MODELS = 'Nothing: decorate models with track(), or name them in track_models("*", exclude=[…]).'

AUDITLOG: Final = {
    "AUDITLOG_CHANGE_DISPLAY_TRUNCATE_LENGTH": _ADMIN,
    "AUDITLOG_CID_GETTER": "Nothing: override get_context() of the middleware.",
    "AUDITLOG_CID_HEADER": "Nothing: the middleware has X-Request-ID, or override its get_context().",
    "AUDITLOG_DISABLE_ON_RAW_SAVE": "Nothing: pgtrigger.ignore() leaves triggers out for a block.",
    "AUDITLOG_DISABLE_REMOTE_ADDR": "Nothing: no context has an address, unless get_context() of the"
    " middleware puts it there.",
    "AUDITLOG_EXCLUDE_TRACKING_FIELDS": "Nothing: name them in exclude= of track().",
    "AUDITLOG_EXCLUDE_TRACKING_MODELS": _MODELS,
    "AUDITLOG_INCLUDE_ALL_MODELS": _MODELS,
    "AUDITLOG_INCLUDE_TRACKING_MODELS": _MODELS,
    "AUDITLOG_LOGENTRY_MODEL": "Nothing: there is one event table. Give methods in attrs= of track().",
    "AUDITLOG_MASK_CALLABLE": "Nothing: of a masked value nothing is kept.",
    "AUDITLOG_MASK_TRACKING_FIELDS": "Nothing: name them in mask= of track().",
    "AUDITLOG_STORE_JSON_CHANGES": _FIELDS_ARE_TYPED,
    "AUDITLOG_TWO_STEP_MIGRATION": _FIELDS_ARE_TYPED,
    "AUDITLOG_USE_BASE_MANAGER": "Nothing: triggers see all rows, whatever managers do.",
    "AUDITLOG_USE_FK_STRING_REPRESENTATION": "Nothing: events have the keys of foreign keys.",
    "AUDITLOG_USE_TEXT_CHANGES_IF_JSON_IS_NOT_PRESENT": _FIELDS_ARE_TYPED,
}
"""The settings of django-auditlog."""

EASY_AUDIT: Final = {
    f"DJANGO_EASY_AUDIT_{name}": instead
    for name, instead in {
        "ADMIN_SHOW_AUTH_EVENTS": _ADMIN,
        "ADMIN_SHOW_MODEL_EVENTS": _ADMIN,
        "ADMIN_SHOW_REQUEST_EVENTS": _ADMIN,
        "CHECK_IF_REQUEST_USER_EXISTS": "Nothing: a context has the key of its user, who may be gone.",
        "CRUD_DIFFERENCE_CALLBACKS": "Nothing: give conditions to the trackers of track().",
        "CRUD_EVENT_LIST_FILTER": _ADMIN,
        "CRUD_EVENT_NO_CHANGED_FIELDS_SKIP": "Nothing: an update that changes nothing leaves no event.",
        "CRUD_EVENT_SEARCH_FIELDS": _ADMIN,
        "DATABASE_ALIAS": "Nothing: events are in the database of their rows.",
        "LOGGING_BACKEND": "Nothing: triggers write events.",
        "LOGIN_EVENT_LIST_FILTER": _ADMIN,
        "LOGIN_EVENT_SEARCH_FIELDS": _ADMIN,
        "PROPAGATE_EXCEPTIONS": "PGAUDIT_LOG_ACCESS_ON_FAILURE, for logins; a change without its event"
        " cannot be.",
        "READONLY_EVENTS": "Nothing: events are always append-only.",
        "REGISTERED_CLASSES": _MODELS,
        "REGISTERED_URLS": "PGAUDIT_LOG_PAGE_VIEWS.",
        "REMOTE_ADDR_HEADER": "Nothing: override get_context() of the middleware.",
        "REQUEST_EVENT_LIST_FILTER": _ADMIN,
        "REQUEST_EVENT_SEARCH_FIELDS": _ADMIN,
        "TRUNCATE_TABLE_SQL_STATEMENT": "PGAUDIT_LOG_RETENTION, which drops months at once.",
        "UNREGISTERED_CLASSES_DEFAULT": _MODELS,
        "UNREGISTERED_CLASSES_EXTRA": _MODELS,
        "UNREGISTERED_URLS_DEFAULT": "PGAUDIT_LOG_PAGE_VIEWS, which names those that are recorded.",
        "UNREGISTERED_URLS_EXTRA": "PGAUDIT_LOG_PAGE_VIEWS, which names those that are recorded.",
        "USER_DB_CONSTRAINT": "Nothing: a context points at no row.",
        "WATCH_AUTH_EVENTS": "PGAUDIT_LOG_ACCESS_EVENTS.",
        "WATCH_MODEL_EVENTS": _MODELS,
        "WATCH_REQUEST_EVENTS": "PGAUDIT_LOG_PAGE_VIEWS; and each event has the context of its"
        " request.",
    }.items()
}
"""The settings of django-easy-audit."""

APPS: Final = {
    "auditlog": AUDITLOG,
    "easyaudit": EASY_AUDIT,
    "pghistory": PGHISTORY,
    "simple_history": SIMPLE_HISTORY,
}
"""The settings by the app that reads them."""
