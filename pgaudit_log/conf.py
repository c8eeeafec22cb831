"""Settings behind one typed door: ``settings.LEVEL`` reads ``PGAUDIT_LOG_LEVEL``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings as django_settings

PREFIX = "PGAUDIT_LOG_"


class Settings:
    """The settings of this package with their defaults; ``checks`` finds wrong values.

    Each is read from the project's settings when it is asked for, so that
    ``override_settings`` works and importing reads nothing.
    """

    ACCESS_EVENTS: Sequence[str] = ()
    """Which of ``login``, ``logout`` and ``login_failed`` leave an event."""

    ACCESS_NAMES: Literal["all", "known"] = "all"
    """Which names are recorded of failed logins: all that were tried, or those that users have."""

    ACCESS_ON_FAILURE: Literal["log", "raise"] = "log"
    """What happens where an event of access cannot be written: it is logged, or refuses the access."""

    ADMIN_DAYS: int | None = 7
    """How many days the trail in the admin shows where nobody says; ``None`` shows all."""

    ADMIN_HISTORY: bool = True
    """Whether the admin's History pages of tracked models are their timelines."""

    ADMIN_REASON: bool = True
    """Whether whoever goes back in the admin must say why."""

    ADMIN_REVERT_THROUGH: Literal["sql", "save"] = "sql"
    """How the admin writes what goes back: exactly the values, or with ``full_clean()`` and ``save()``."""

    ADMIN_TIMEOUT: int = 5
    """After how many seconds a question that the trail in the admin asks is given up."""

    ADMIN_TRAIL: bool = True
    """Whether the trail stands in the admin's index."""

    ADMIN_VIEWS: bool = False
    """Whether it leaves an event that somebody looked at the log in the admin."""

    APPEND_ONLY: bool = True
    """Kept for those who come from django-pghistory: events are always append-only."""

    CONTEXT_CARRIER: Literal["auto", "comment", "setting", "id"] = "auto"
    """How a context reaches the database: in front of each statement, or in a setting of the transaction."""

    CONTEXT_ON: Literal["all", "writes"] = "all"
    """Which statements carry a context: all, or those that do not only read."""

    CREATED_AT_FUNCTION: str = "now()"
    """What fills ``created_at``: ``now()``, the transaction's start, or ``clock_timestamp()``."""

    DEFAULT_TRACKERS: Sequence[Any] | None = None
    """The trackers of a ``track()`` that names none; ``None`` is insert, update, delete and truncate."""

    HIDDEN_FIELDS: Any = None
    """Which fields a person is not shown, where the log is shown: a function of the request and the model
    that returns their names, or its path."""

    INDEX_REFERENCES: bool = True
    """Whether ``refs`` has an index: 2.3 microseconds a row written for finding what pointed at an object."""

    JSON_ENCODER: str | type = "django.core.serializers.json.DjangoJSONEncoder"
    """What serialises the values of a context: a class, or the path of one."""

    LEVEL: Any = "STATEMENT"
    """The level of triggers that name none: ``Statement`` or ``Row``, or their names."""

    MASK_CONTEXT: Sequence[str] = ()
    """The values of contexts that are not sent to the database: keys, and paths such as ``url.token``."""

    MIDDLEWARE_METHODS: Sequence[str] | None = None
    """The HTTP methods whose requests get a context; ``None`` is all."""

    OBJ_FIELD: Any = None
    """The ``ObjForeignKey`` of a ``track()`` that names none."""

    PAGE_VIEWS: Sequence[str] = ()
    """The paths and names of views whose pages leave an event when they are looked at."""

    PARTITION_INTERVAL: Literal["day", "week", "month", "quarter", "year"] = "month"
    """How long a partition of the event table is, in UTC."""

    PARTITIONS_AHEAD: int = 3
    """How many partitions ``migrate`` keeps ready beside the current one."""

    MAINTAIN_AFTER_MIGRATE: bool = False
    """Whether ``migrate`` also does what ``operating.maintain()`` does: move, merge and remove."""

    MERGE_PARTITIONS: Mapping[str, Any] | None = None
    """Which partitions ``maintain()`` puts together, such as ``{"older_than": "1y", "into": "year"}``;
    ``None`` is none."""

    RETENTION: Mapping[str, Any] | None = None
    """How long events are kept, such as ``{"default": "7y", "shop.Visit": "90d"}``; ``None`` is for ever."""

    SECURITY_BARRIER: bool = False
    """Whether views of typed events have ``security_barrier``, where ``track()`` does not say."""

    TRACE_ID: bool = False
    """Whether contexts have the trace id of the running OpenTelemetry span, as ``trace_id``."""

    USER_NAME: Any = "get_username"
    """What the middleware records as the user's name: an attribute or method of users, the path of a
    function of one, or the function; ``None`` records nothing."""

    @property
    def is_by_clock(self) -> bool:
        """Whether ``created_at`` is the moment of capture, not the start of the transaction."""
        return "clock" in self.CREATED_AT_FUNCTION.lower()

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            default = super().__getattribute__(name)
            if not name.isupper():
                return default
            return getattr(django_settings, PREFIX + name, default)


settings = Settings()
