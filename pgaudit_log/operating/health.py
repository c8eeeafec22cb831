"""Health: asks a database all that is known of its log, part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from django.core.checks import ERROR, CheckMessage
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction

from pgaudit_log.checks import databases, project
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database import event_table, hardening, uncaptured
from pgaudit_log.database.partitions import locks as partition_locks
from pgaudit_log.database.partitions import sizes as partition_sizes
from pgaudit_log.database.partitions.sizes import PartitionSize
from pgaudit_log.exceptions import QueryError
from pgaudit_log.operating import retention
from pgaudit_log.operating.values import Growth, LastEvent, Partitions, Problem, Role, Status

GROWTH_WINDOW = timedelta(days=90)
"""How far back growth is measured: over a quarter, so that a busy weekend does not change it much."""

_Part = TypeVar("_Part")


def status(using: str = DEFAULT_DB_ALIAS) -> Status:
    """Return what is wrong with the log of a database, how large it is and how fast it grows.

    Writes nothing. How long it takes does not depend on how many events there are: large
    partitions are not read, their numbers are estimates and say so.

    Raises:
        QueryError: when the database is not one for a log: no PostgreSQL, or kept from it by the routers.
        django.db.OperationalError: when there is no server to ask.
    """
    if using not in connections or not event_table.is_wanted(using):
        raise QueryError(
            f"The database {using!r} is not for a log: it is not in DATABASES, not PostgreSQL, or the"
            f" routers keep pgaudit_log out of it. There are {', '.join(connections)}."
        )
    messages = project.findings(using)
    asking = _Asking(using, messages)
    has_table = event_table.has_event_table(using)

    def ask(part: str, question: Callable[[], _Part]) -> _Part | None:
        return asking.ask(part, question) if has_table else None

    now = datetime.now(timezone.utc)
    sizes = ask("sizes", lambda: tuple(partition_sizes.sizes(using)))
    last = ask("last event", lambda: _last_event(using, sizes or ()))
    growth = ask("growth", lambda: _growth(using, sizes or (), now))
    partitions = ask("partitions", lambda: _partitions(using, sizes or (), now))
    due = ask("retention", lambda: _retention_due(using, now))
    untracked = ask("untracked tables", lambda: tuple(uncaptured.tables(using)))
    columns = ask("uncaptured columns", lambda: tuple(uncaptured.columns(using)))
    role = ask("role", lambda: _role(using))
    hardened = ask("hardening", lambda: hardening.hardened(using))
    return Status(
        using=using,
        asked_at=now,
        problems=tuple(_problem(message) for message in messages if not message.is_silenced()),
        silenced=tuple(_problem(message) for message in messages if message.is_silenced()),
        last_event=last,
        sizes=sizes,
        growth=growth,
        partitions=partitions,
        retention_due=due,
        untracked_tables=untracked,
        uncaptured_columns=columns,
        role=role,
        hardened=hardened,
    )


class _Asking:
    """Asks for parts, and keeps a message for each that the database refuses."""

    def __init__(self, using: str, messages: list[CheckMessage]) -> None:
        self._using = using
        self._messages = messages

    def ask(self, part: str, question: Callable[[], _Part]) -> _Part | None:
        try:
            with transaction.atomic(using=self._using):
                return question()
        except DatabaseError as error:
            self._messages.append(databases.refusal(self._using, part, error))
            return None


def _problem(message: CheckMessage) -> Problem:
    return Problem(
        id=str(message.id),
        severity="error" if message.level >= ERROR else "warning",
        what=str(message.msg),
        on=tuple(getattr(message, "on", ())),
        what_now=str(message.hint or ""),
    )


def _last_event(using: str, sizes: Sequence[PartitionSize]) -> LastEvent | None:
    found = partition_sizes.last_event(using, sizes)
    if found is None:
        return None
    return LastEvent(id=found.id, created_at=found.created_at, model=found.model)


def _growth(using: str, sizes: Sequence[PartitionSize], now: datetime) -> Growth | None:
    """Return how fast the partitions of the last months were filled; ``None`` for less than a day."""
    filled = [p for p in sizes if p.events != 0 and p.end is not None and p.start is not None]
    recent = [p for p in filled if p.end > now - GROWTH_WINDOW and p.start <= now]  # type: ignore[operator]
    if not recent:
        return None
    since = recent[0].start
    if recent[0] is filled[0]:
        # It may have begun in the middle of a partition.
        first = partition_sizes.first_event(using, recent[0])
        since = None if first is None else first.created_at
    if since is None or now - since < timedelta(days=1):
        return None
    return Growth(since=since, until=now, size=sum(partition.size for partition in recent))


def _partitions(using: str, sizes: Sequence[PartitionSize], now: datetime) -> Partitions:
    found = partition_locks.locks(using)
    return Partitions(
        count=found.partitions,
        ahead=sum(partition.start is not None and partition.start > now for partition in sizes),
        locks_needed=found.needed,
        locks_capacity=found.capacity,
    )


def _retention_due(using: str, now: datetime) -> datetime | None:
    try:
        return retention.due(using, now)
    except QueryError:
        # What is set wrongly is told by a check.
        return None


def _role(using: str) -> Role:
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT
                current_user,
                (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
                pg_has_role(relowner, 'MEMBER')
            FROM pg_class
            WHERE oid = to_regclass(%s)
            """,
            [EVENT_TABLE],
        )
        name, is_superuser, owns_log = cursor.fetchone()
        return Role(name=name, is_superuser=is_superuser, owns_log=owns_log)
