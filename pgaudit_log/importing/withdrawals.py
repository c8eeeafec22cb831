"""Withdrawals: an import that went wrong is taken back, with all of its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connections, models, router

from pgaudit_log.constants import ACCESS, LOWEST_ID
from pgaudit_log.database import own_events, standing_holds
from pgaudit_log.database.installed_schema import GUARDS
from pgaudit_log.database.partitions.catalogue import LOCK_TIMEOUT
from pgaudit_log.declaring import declarations, former_names, model_labels
from pgaudit_log.exceptions import InstallationError, PlanError, QueryError
from pgaudit_log.importing.peers import PEERS
from pgaudit_log.values.pinned_settings import pinned
from pgaudit_log.values.tables import concrete

BATCH_SIZE = 10_000
"""Events a transaction. Writers of a partition's time wait while one is taken back."""

_BY_ID = {
    # In the order of an index, whatever the planner thinks of a table that was just filled.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "jit": "off",
}

_GUARD = GUARDS[0]
"""The trigger that keeps events from being deleted."""


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """What would be taken back."""

    using: str
    peer: str
    """The name of the peer's package."""
    steps: Mapping[str, int]
    """How many events of each label of a model would go."""
    partitions: Sequence[str]
    """Where they lie, as SQL names it."""
    labels: Sequence[str]
    """What events, and holds, call the models."""
    obstacles: Sequence[str]

    @property
    def events(self) -> int:
        """How many events would go."""
        return sum(self.steps.values())

    def apply(
        self,
        *,
        batch_size: int = BATCH_SIZE,
        progress: Callable[[int, int], object] | None = None,
    ) -> int:
        """Take the events back, and return how many went.

        Each batch is a transaction of its own; after an interruption, what is left can be taken
        back by another withdrawal.

        Raises:
            PlanError: when something is in the way, or another operator is at work.
            InstallationError: when the role may not, or somebody else has a lock.
        """
        if self.obstacles:
            raise PlanError(f"Nothing was taken back. {' '.join(self.obstacles)}")
        gone = 0
        with own_events.only_one(self.using):
            # One may have been placed since.
            if holding := standing_holds.obstacles(self.using, self.labels):
                raise PlanError(f"Nothing was taken back. {' '.join(holding)}")
            for partition in self.partitions:
                first = LOWEST_ID
                while found := self._take_batch(partition, first, batch_size):
                    first, taken = found[0] + 1, found[1]
                    gone += taken
                    if progress is not None:
                        progress(gone, max(gone, self.events))
            if gone:
                data = {"peer": self.peer, "models": dict(self.steps), "events": gone}
                own_events.write(self.using, own_events.MAINTENANCE, "import withdrawn", data)
        return gone

    def _take_batch(self, partition: str, first: int, limit: int) -> tuple[int, int] | None:
        """Take back the next events from an id on; return the last of them, and how many went.

        What went before is still there for a while: it is not looked at again.
        """
        wanted = "id >= %s AND id <= %s AND origin ->> 'peer' = %s AND model = ANY(%s)"
        given: list[Any] = [self.peer, list(self.steps)]
        try:
            with pinned(self.using, **_BY_ID), connections[self.using].cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
                cursor.execute(f"ALTER TABLE {partition} DISABLE TRIGGER {_GUARD}")
                cursor.execute(
                    f"SELECT max(id) FROM (SELECT id FROM {partition} WHERE {wanted}"
                    " ORDER BY id LIMIT %s) AS batch",
                    [first, -1, *given, limit],
                )
                [last] = cursor.fetchone()
                cursor.execute(f"DELETE FROM {partition} WHERE {wanted}", [first, last, *given])
                taken = cursor.rowcount
                cursor.execute(f"ALTER TABLE {partition} ENABLE ALWAYS TRIGGER {_GUARD}")
        except DatabaseError as error:
            raise InstallationError(
                f"No more of {partition} could be taken back: {str(error).strip()} Mend that, or try"
                " again when nothing is written to it; the role must own the event table."
            ) from error
        return None if last is None else (int(last), int(taken))


def plan_withdrawal(
    peer: str, *, models: Sequence[type[models.Model]] | None = None, using: str | None = None
) -> Withdrawal:
    """Return what would be taken back of what was imported from a peer.

    Args:
        peer: one of :data:`PEERS`, such as ``pghistory``.
        models: only of these tracked models; by default of all, and what was imported of logins and
            requests.
        using: the database; by default the one that the routers give for writing.

    Raises:
        QueryError: for an unknown peer.
    """
    if peer not in PEERS:
        raise QueryError(f"Nothing was imported from {peer!r}, but from one of {', '.join(PEERS)}.")
    wanted = [concrete(model) for model in models or model_labels.tracked_models()]
    if not wanted:
        raise QueryError("No model is tracked.")
    alias = using or router.db_for_write(wanted[0])
    labels = [label for model in wanted for label in former_names.labels_of(model, alias)]
    labels += [model._meta.label for model in wanted if model._meta.label not in labels]
    if models is None:
        labels.append(ACCESS)
    with connections[alias].cursor() as cursor:
        cursor.execute(
            """
            SELECT tableoid::regclass::text, model, count(*)
            FROM pgaudit_log_event
            WHERE id < 0 AND origin ->> 'peer' = %s AND model = ANY(%s)
            GROUP BY 1, 2
            ORDER BY 1, 2
            """,
            [PEERS[peer].name, labels],
        )
        found = cursor.fetchall()
        referred = [model for model in wanted if _is_referred(model, labels, alias)]
    steps: dict[str, int] = {}
    for _, label, events in found:
        steps[label] = steps.get(label, 0) + events
    return Withdrawal(
        using=alias,
        peer=PEERS[peer].name,
        steps=steps,
        partitions=tuple(dict.fromkeys(partition for partition, *_ in found)),
        labels=tuple(labels),
        obstacles=(
            *(
                f"Events of {model._meta.label} refer to imported ones, which have its large values."
                for model in referred
            ),
            *(standing_holds.obstacles(alias, labels) if found else ()),
        ),
    )


def _is_referred(model: type[models.Model], labels: Sequence[str], using: str) -> bool:
    """Return whether events of this package's own have large values in imported ones."""
    if not any(declaration.large for declaration in declarations.declarations_of(model)):
        return False
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT
                FROM pgaudit_log_event
                CROSS JOIN LATERAL jsonb_each(snapshot) AS stored
                WHERE model = ANY(%s)
                    AND id > 0
                    AND jsonb_typeof(stored.value) = 'object'
                    AND (stored.value -> 'pgaudit_log.at' -> 'id') < '0'
            )
            """,
            [list(labels)],
        )
        return bool(cursor.fetchone()[0])
