"""Holds: events that must stay, whatever a retention says, with a reason and who said so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, ProgrammingError, connections, models, transaction

from pgaudit_log.capture_v1.references import former_key, moved_marker
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database import own_events, privileges
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.exceptions import QueryError, StalePlanError
from pgaudit_log.reading import moments
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.tables import concrete, sharing_key
from pgaudit_log.values.utc import utc


@dataclass(frozen=True, kw_only=True)
class Hold:
    """What is held: the events that are all that it names."""

    number: int
    model: str | None
    """What events call the model; ``None`` for all."""
    key: str | None
    """The key of the object, as text; ``None`` for all objects."""
    user: str | None
    """The user in the context; ``None`` for all."""
    since: datetime | None
    """The first moment; ``None`` for no bound."""
    until: datetime | None
    """The moment at which it ends, itself not included; ``None`` for no bound."""
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None = None
    released_at: datetime | None = None
    release_reason: str | None = None

    @property
    def is_of_a_whole_model(self) -> bool:
        """Whether it keeps all events of a model, so that nothing of it can be removed."""
        return self.model is not None and self._narrower() == []

    @property
    def is_of_everything(self) -> bool:
        """Whether it keeps all events that there are."""
        return self.model is None and self._narrower() == []

    def _narrower(self) -> list[Any]:
        return [one for one in (self.key, self.user, self.since, self.until) if one is not None]

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.model, self.key))) or "all events"
        of = "" if self.user is None else f" of user {self.user}"
        since = "" if self.since is None else f" since {self.since.isoformat()}"
        until = "" if self.until is None else f" until {self.until.isoformat()}"
        return f"hold {self.number} on {what}{of}{since}{until} ({self.reason})"


def hold(
    what: models.Model | type[models.Model] | str | None = None,
    *,
    reason: str,
    key: str | None = None,
    user: object = None,
    since: datetime | None = None,
    until: datetime | None = None,
    placed_by: str | None = None,
    using: str = DEFAULT_DB_ALIAS,
) -> Hold:
    """Keep events from retention until :func:`release`, and return the hold.

    It keeps the events that are all that it names. It is an event itself.

    Args:
        what: an object, a model, or the label of one; ``None`` for all models.
        reason: why, such as the number of a case.
        key: the key of an object of the model, as text, where the object is gone.
        user: the user in the context: its primary key, or the user.
        since: the first moment of events that are held.
        until: the moment before which they are.
        placed_by: who says so; by default the role of the database.
        using: the database.

    Raises:
        QueryError: when nothing is named, for an unknown model, an empty reason, a moment without a
            time zone, or a time that ends before it begins; when the role may not place holds.
    """
    if not reason.strip():
        raise QueryError("A hold needs a reason, such as the number of a case.")
    model, key = _place(what, key, using)
    since, until = (None if at is None else moments.aware(at) for at in (since, until))
    if since is not None and until is not None and until <= since:
        raise QueryError(f"The hold would end at {until.isoformat()}, before it begins.")
    user_id = None if user is None else str(getattr(user, "pk", user))
    if model is None and user_id is None and since is None and until is None:
        raise QueryError(
            "A hold is on an object, a model, a user or a time. To keep all events, take"
            " PGAUDIT_LOG_RETENTION out of the settings."
        )
    with _by_the_owner(using), connections[using].cursor() as cursor:
        cursor.execute(
            "INSERT INTO pgaudit_log_hold (model, obj_pk, user_id, since, until, reason, placed_by)"
            " VALUES (%s, %s, %s, %s, %s, %s, COALESCE(%s, session_user)) RETURNING number",
            [model, key, user_id, since, until, reason, placed_by],
        )
        [number] = cursor.fetchone()
        placed = _find(number, using)
        _write_event("hold", placed, using)
    return placed


def release(
    number: int,
    *,
    reason: str,
    released_by: str | None = None,
    using: str = DEFAULT_DB_ALIAS,
) -> Hold:
    """End a hold, and return it. It stays in the table, and its end is an event.

    Raises:
        QueryError: when there is no such hold, it has been released already, for an empty reason, or
            when the role may not release holds.
    """
    if not reason.strip():
        raise QueryError("The release of a hold needs a reason.")
    with _by_the_owner(using), connections[using].cursor() as cursor:
        cursor.execute(
            "UPDATE pgaudit_log_hold SET released_at = now(), release_reason = %s,"
            " released_by = COALESCE(%s, session_user) WHERE number = %s AND released_at IS NULL",
            [reason, released_by, number],
        )
        if not cursor.rowcount:
            known = ", ".join(str(one.number) for one in holds(using=using)) or "none"
            raise QueryError(f"There is no hold {number} to release. Those that hold: {known}.")
        released = _find(number, using)
        _write_event("release", released, using)
    return released


def holds(*, using: str = DEFAULT_DB_ALIAS, released: bool = False) -> list[Hold]:
    """Return the holds that are in force, the oldest first; with ``released`` also those that ended.

    Raises:
        QueryError: when the role may not read them.
    """
    with _by_the_owner(using), connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT number, model, obj_pk, user_id, since AT TIME ZONE 'UTC', until AT TIME ZONE 'UTC',"
            " reason, placed_by, placed_at AT TIME ZONE 'UTC', released_by,"
            " released_at AT TIME ZONE 'UTC', release_reason FROM pgaudit_log_hold"
            " WHERE released_at IS NULL OR %s ORDER BY number",
            [released],
        )
        return [
            Hold(
                number=number,
                model=model,
                key=key,
                user=user,
                since=utc(since),
                until=utc(until),
                reason=reason,
                placed_by=placed_by,
                placed_at=utc(placed_at),
                released_by=released_by,
                released_at=utc(released_at),
                release_reason=release_reason,
            )
            for (
                number, model, key, user, since, until, reason, placed_by, placed_at,
                released_by, released_at, release_reason,
            ) in cursor.fetchall()
        ]  # fmt: skip


@contextmanager
def _by_the_owner(using: str) -> Iterator[None]:
    """Run a block in a transaction, and say, where the role has no privilege, which role has.

    Raises:
        QueryError: instead of PostgreSQL's error.
    """
    try:
        with transaction.atomic(using=using):
            yield
    except ProgrammingError as error:
        if not privileges.is_lacking(error):
            raise
        raise QueryError(
            f'The role of the connection may not do that to the holds of the database "{using}":'
            f" {str(error).strip()}. Nothing was changed. Connect as the role that owns the event table."
        ) from error


def held_sql(event: str, standing: Iterable[Hold], *, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return the test whether an event, under an alias, is kept by one of some holds.

    Whatever removes or changes events asks it.
    """
    return " OR ".join(f"({_test(event, one, using)})" for one in standing) or "FALSE"


def refuse_others(cursor: Any, standing: Sequence[Hold], *, using: str) -> None:
    """Keep holds from being placed and released until the transaction of a cursor ends.

    Raises:
        StalePlanError: when other holds are in force than those that were asked for.
    """
    cursor.execute("LOCK TABLE pgaudit_log_hold IN SHARE MODE")
    if holds(using=using) != [*standing]:
        raise StalePlanError(
            "Holds were placed or released meanwhile. What they keep has to be found anew: run it again."
        )


def document(one: Hold) -> dict[str, Any]:
    """Return a hold as JSON has it."""
    return {name: value for name, value in vars(one).items() if value is not None}


def _test(event: str, one: Hold, using: str) -> str:
    tests = []
    if one.model is not None:
        labels = _labels(one.model, using, of_object=one.key is not None)
        tests.append(f"{event}.model = ANY ({_array(labels)})")
        if one.key is not None:
            keys = _keys(labels, one.key, using)
            former = [former_key(label, key) for label in labels for key in keys]
            tests.append(
                f"({event}.obj_pk = ANY ({_array(keys)}) OR {event}.refs && {_array(former)})"
            )
    if one.user is not None:
        user = quote_literal(one.user)
        tests.append(
            f"({event}.context ->> 'user' = {user} OR {event}.context ->> 'on_behalf_of' = {user})"
        )
    if one.since is not None:
        tests.append(f"{event}.created_at >= {quote_literal(one.since.isoformat())}::timestamptz")
    if one.until is not None:
        tests.append(f"{event}.created_at < {quote_literal(one.until.isoformat())}::timestamptz")
    return " AND ".join(tests) or "TRUE"


def _array(values: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(map(quote_literal, values))}]::text[]"


def _labels(label: str, using: str, *, of_object: bool) -> list[str]:
    """Return what events have called a model, by one of its labels; with those of an object's other rows."""
    model = model_labels.any_model(label)
    if model is None:
        return [label]
    # The model may have been renamed since, and another one may have its name by now.
    renamed = model_labels.model_of(label, using)
    found = [label]
    for one in (model, renamed):
        if one is not None:
            # An object has rows in the tables that its model inherits, too.
            for own in sharing_key(one) if of_object else [concrete(one)]:
                found += former_names.labels_of(own, using)
    return list(dict.fromkeys(found))


def _keys(labels: Sequence[str], key: str, using: str) -> list[str]:
    """Return all keys that the object with a key has had, and has got since."""
    found, new = {key}, {key}
    markers = [moved_marker(label) for label in labels]
    starts = tuple(former_key(label, "") for label in labels)
    while new:
        former = [former_key(label, one) for label in labels for one in new]
        with connections[using].cursor() as cursor:
            cursor.execute(
                f"SELECT obj_pk, refs FROM {EVENT_TABLE} WHERE model = ANY (%s)"
                " AND operation = 'U' AND (refs && %s OR (obj_pk = ANY (%s) AND refs && %s))",
                [list(labels), former, sorted(new), markers],
            )
            rows = cursor.fetchall()
        keys = {obj_pk for obj_pk, _ in rows} | {
            ref.removeprefix(start) for _, refs in rows for ref in refs for start in starts
            if ref.startswith(start)
        }  # fmt: skip
        new = keys - found
        found |= keys
    return sorted(found)


def _place(what: object, key: str | None, using: str) -> tuple[str | None, str | None]:
    """Return the label of a model, and the key of an object, that a hold is on."""
    if isinstance(what, models.Model):
        model = concrete(type(what))
        return model._meta.label, key_text(what.pk, key_fields(model))
    if what is None:
        if key is not None:
            raise QueryError(f"A hold on the key {key} needs its model.")
        return None, None
    label = what if isinstance(what, str) else concrete(what)._meta.label  # type: ignore[arg-type]
    found = model_labels.any_model(label)
    if found is not None:
        return concrete(found)._meta.label, key
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {EVENT_TABLE} WHERE model = %s)", [label])
        if not cursor.fetchone()[0]:
            raise QueryError(f"There is no model {label}, and no event of one that was called so.")
    return label, key


def _find(number: int, using: str) -> Hold:
    return next(one for one in holds(using=using, released=True) if one.number == number)


def _write_event(label: str, one: Hold, using: str) -> None:
    refs = [f"{one.model}:{one.key}"] if one.model is not None and one.key is not None else []
    own_events.write(
        using, own_events.MAINTENANCE, label, document(one), obj_pk=str(one.number), refs=refs
    )
