"""The names of peers in a project's source, and what is written here instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgaudit_log.declaring import ported_options
from pgaudit_log.importing import peer_settings


@dataclass(frozen=True, kw_only=True)
class Instead:
    """What is to be done about a name."""

    advice: str
    is_silent: bool = False
    """Whether code that is ported by its import lines alone would mean another thing, without an error."""


_SAME = (
    *("AfterInsert", "AllChange", "AllDontChange", "AnyChange", "AnyDontChange", "BeforeDelete"),
    *("Condition", "Delete", "DeleteEvent", "F", "Insert", "InsertEvent", "ManualEvent", "New"),
    *("ObjForeignKey", "Old", "ProxyField", "Q", "Row", "RowEvent", "Statement", "Tracker"),
    *("Update", "UpdateEvent", "context", "create_event", "track"),
)
"""What is called the same here."""

_NOT_CALLED = Instead(
    advice="Nothing is called: triggers write events. Read pgaudit_log.models.Events, or give conditions to"
    " trackers."
)

_OF_ADMIN = Instead(advice="Take it out: the audit admin is behind each History button.")

DOTTED: Final = {
    **{f"{app}.apps": Instead(advice="Write pgaudit_log.") for app in peer_settings.APPS},
    "auditlog.admin": _OF_ADMIN,
    "easyaudit.admin": _OF_ADMIN,
    "reversion.admin": _OF_ADMIN,
    "simple_history.admin": _OF_ADMIN,
    "auditlog.signals": _NOT_CALLED,
    "easyaudit.signals": _NOT_CALLED,
    "reversion.signals": _NOT_CALLED,
    "simple_history.signals": _NOT_CALLED,
    "auditlog": Instead(advice="Write pgaudit_log."),
    "auditlog.context.disable_auditlog": Instead(
        advice="Write pgtrigger.ignore(), which leaves triggers out for a block."
    ),
    "auditlog.context.set_actor": Instead(advice="Write within pgaudit_log.context(user=…)."),
    "auditlog.context.set_extra_data": Instead(advice="Write within pgaudit_log.context(…)."),
    "auditlog.middleware.AuditlogMiddleware": Instead(
        advice="Write pgaudit_log.middleware.AuditMiddleware, before SessionMiddleware."
    ),
    "auditlog.mixins": Instead(
        advice="Take it out: the audit admin is behind each History button; an access is"
        " PGAUDIT_LOG_PAGE_VIEWS, or create_event()."
    ),
    "auditlog.models.AuditlogHistoryField": Instead(
        advice="Take the field away: order.events is there by track()."
    ),
    "auditlog.models.LogEntry": Instead(
        advice="Write order.events, OrderEvent, or pgaudit_log.models.Events."
    ),
    "auditlog.registry.auditlog": Instead(
        advice="Write @pgaudit_log.track() above the model; exclude_fields= is exclude=, mask_fields= is"
        " mask=, and a many-to-many field is tracked by a proxy of its through."
    ),
    "auditlog.signals.accessed": Instead(
        advice='Write pgaudit_log.create_event(order, label="access").'
    ),
    "auditlog.signals.post_log": Instead(
        advice="Nothing is called: triggers write events. Read pgaudit_log.models.Events."
    ),
    "auditlog.signals.pre_log": Instead(
        advice="Give conditions to the trackers of track(): triggers ask no program."
    ),
    "easyaudit": Instead(advice="Write pgaudit_log."),
    "easyaudit.middleware.easyaudit.EasyAuditMiddleware": Instead(
        advice="Write pgaudit_log.middleware.AuditMiddleware, before SessionMiddleware."
    ),
    "easyaudit.middleware.easyaudit.set_current_user": Instead(
        advice="Write within pgaudit_log.context(user=…)."
    ),
    "easyaudit.middleware.easyaudit.clear_request": Instead(
        advice="Take it out: a context ends with its block."
    ),
    "easyaudit.models.CRUDEvent": Instead(
        advice="Write order.events, OrderEvent, or pgaudit_log.models.Events."
    ),
    "easyaudit.models.LoginEvent": Instead(advice="Write pgaudit_log.models.AccessEvents."),
    "easyaudit.models.RequestEvent": Instead(advice="Write pgaudit_log.models.AccessEvents."),
    "pghistory": Instead(advice="Write pgaudit_log."),
    **{f"pghistory.{name}": Instead(advice=f"Write pgaudit_log.{name}.") for name in _SAME},
    **{f"pghistory.{name}": Instead(advice=what) for name, what in ported_options.NAMES.items()},
    "pghistory.admin": Instead(advice="Take it out: it shows the tables of django-pghistory."),
    "pghistory.middleware.HistoryMiddleware": Instead(
        advice="Write pgaudit_log.middleware.AuditMiddleware, before SessionMiddleware."
    ),
    "pghistory.models": Instead(advice="Write pgaudit_log.models."),
    "pghistory.models.Context": Instead(
        advice="There is no such table: each event has its context."
    ),
    "pghistory.models.Event": Instead(advice="Write pgaudit_log.reading.event_model.Event."),
    "pghistory.models.Events": Instead(advice="Write pgaudit_log.models.Events."),
    "pghistory.models.MiddlewareEvents": Instead(
        advice="Write pgaudit_log.models.MiddlewareEvents."
    ),
    "reversion": Instead(advice="Write pgaudit_log."),
    "reversion.admin.VersionAdmin": Instead(advice="Write django.contrib.admin.ModelAdmin."),
    "reversion.create_revision": Instead(
        advice="Write pgaudit_log.context(): each change is captured, with or without a block."
    ),
    "reversion.middleware.RevisionMiddleware": Instead(
        advice="Write pgaudit_log.middleware.AuditMiddleware, before SessionMiddleware."
    ),
    "reversion.models.Revision": Instead(
        advice="Write pgaudit_log.models.Events, of one pgh_context_id."
    ),
    "reversion.models.Version": Instead(
        advice="Write order.events, OrderEvent, or pgaudit_log.models.Events."
    ),
    "reversion.add_meta": Instead(advice="Write within pgaudit_log.context(…)."),
    "reversion.add_to_revision": Instead(advice="Take it out: each change is captured."),
    "reversion.register": Instead(
        advice="Write pgaudit_log.track; follow= has relations of a whole object."
    ),
    "reversion.set_comment": Instead(advice="Write within pgaudit_log.context(comment=…)."),
    "reversion.set_date_created": Instead(
        advice="Take it out: an event has the time of its transaction."
    ),
    "reversion.set_user": Instead(advice="Write within pgaudit_log.context(user=…)."),
    "reversion.views": Instead(advice="Take it out: the middleware has the context of requests."),
    "simple_history": Instead(advice="Write pgaudit_log."),
    "simple_history.admin.SimpleHistoryAdmin": Instead(
        advice="Write django.contrib.admin.ModelAdmin."
    ),
    "simple_history.middleware.HistoryRequestMiddleware": Instead(
        advice="Write pgaudit_log.middleware.AuditMiddleware, before SessionMiddleware."
    ),
    "simple_history.models.HistoricalRecords": Instead(
        advice="Take the field away and write @pgaudit_log.track() above the model; excluded_fields= is"
        " exclude=, and a many-to-many field is tracked by a proxy of its through."
    ),
    "simple_history.register": Instead(
        advice='Write pgaudit_log.track_models("app.Model", into="app").'
    ),
    "simple_history.utils.bulk_create_with_history": Instead(
        advice="Write Model.objects.bulk_create(): the database captures it."
    ),
    "simple_history.utils.bulk_update_with_history": Instead(
        advice="Write Model.objects.bulk_update(): the database captures it."
    ),
    "simple_history.utils.update_change_reason": Instead(
        advice="Write within pgaudit_log.context(reason=…): events cannot be changed afterwards."
    ),
}
"""What is imported, or named in a text, by its whole path; a longer path has what its beginning has."""

NO_COUNTERPART: Final = Instead(
    advice="Nothing here is called so. See the page Come from … of the package for what is there instead."
)
"""What is said of all else that is in a package."""

ATTRIBUTES: Final = {
    "changed_fields": Instead(advice="Where it is a CRUD event's: write event.pgh_diff, a dict."),
    "changes_dict": Instead(advice="Write event.pgh_diff: old and new values, typed."),
    "changes_display_dict": Instead(advice="Write pgaudit_log.diffs.diff(older, newer)."),
    "changes_str": Instead(advice="Write str(pgaudit_log.diffs.diff(older, newer))."),
    "object_json_repr": Instead(advice="Write event.pgh_data, or the typed event's own fields."),
    "metadata": Instead(
        advice='Where it is a context of an event: write event.pgh_context["user"], which is a dict.'
    ),
    "middlewareevents_set": Instead(
        advice="Write MiddlewareEvents.objects.filter(user=…): there is no way back from users."
    ),
    "pgh_event_model": Instead(
        advice="With several track(), it is that of the one nearest to the model.", is_silent=True
    ),
    "references": Instead(
        advice="Of Events.objects: without the object's own events, which tracks() has.",
        is_silent=True,
    ),
    "tracks": Instead(
        advice="Of Events.objects: also of what is tracked with obj_field=None; of no objects, none.",
        is_silent=True,
    ),
    "revert": Instead(
        advice="Of an event: it takes back the tracked fields, also where others are not tracked.",
        is_silent=True,
    ),
    "_change_reason": Instead(advice="Write within pgaudit_log.context(reason=…).", is_silent=True),
    "_history_date": Instead(
        advice="Take it out: an event has the time of its transaction.", is_silent=True
    ),
    "_history_user": Instead(advice="Write within pgaudit_log.context(user=…).", is_silent=True),
    "diff_against": Instead(advice="Write pgaudit_log.diffs.diff(older, newer)."),
    "history_object": Instead(
        advice="Of a record: write event.pgh_obj, or Order.objects.as_of(event).get(pk=…)."
    ),
    "next_record": Instead(advice="Write event.pgh_obj.events.after(event.pgh_id)."),
    "prev_record": Instead(advice="Write pgh_diff: an update has the values of before, too."),
    "skip_history_when_saving": Instead(
        advice="Write within pgtrigger.ignore(): the attribute does nothing here.", is_silent=True
    ),
    "save_without_historical_record": Instead(advice="Write save() within pgtrigger.ignore()."),
}
"""Attributes of objects."""

METHODS: Final = {
    "get_additional_data": Instead(
        advice="Where it was for log entries: write within pgaudit_log.context(…), nothing calls it.",
        is_silent=True,
    ),
}
"""Methods of models that a peer calls."""

ARGUMENTS: Final = {
    "object_pk": Instead(advice="Where it is a log entry's: write pgh_obj_id."),
    "user_pk_as_string": Instead(advice="Write pgh_context__user."),
    "history_change_reason": Instead(advice="Write pgh_context__reason."),
    "history_date": Instead(advice="Write pgh_created_at."),
    "history_id": Instead(advice="Write pgh_id."),
    "history_type": Instead(advice='Write pgh_operation: "I", "U" or "D" for "+", "~" or "-".'),
    "history_user": Instead(advice="Write pgh_context__user."),
    "history_user_id": Instead(advice="Write pgh_context__user."),
    "pgh_context__metadata": Instead(advice="Write pgh_context: pgh_context__user."),
}
"""Names of fields: attributes, arguments of filters, and texts; also with more behind two underscores."""

OF_TRACK: Final = {
    **{name: Instead(advice=what) for name, what in ported_options.OF_TRACK.items()},
}
"""Arguments of ``track()``."""

BARE_TRACK: Final = Instead(
    advice="Without trackers, inserts, updates, deletes and truncates are captured here. Name them, or set"
    " PGAUDIT_LOG_DEFAULT_TRACKERS.",
    is_silent=True,
)

RECORDS: Final = (
    "all",
    "as_of",
    "bulk_history_create",
    "bulk_history_update",
    "earliest",
    "filter",
    "first",
    "get",
    "last",
    "latest",
    "latest_of_each",
    "most_recent",
)
"""The methods that tell that ``.history`` is the manager of django-simple-history."""

MIGRATION: Final = Instead(
    advice="A migration of before is not ported. Once another one has dropped the history's tables,"
    " python -m pgaudit_log.importing.past_migrations takes out what needs the package."
)

HISTORY: Final = Instead(
    advice="Write events: order.events.all(), Order.objects.as_of(moment), OrderEvent.objects."
)

SETTINGS: Final = {
    name: Instead(advice=what)
    for settings in peer_settings.APPS.values()
    for name, what in settings.items()
}
