"""Masking: hides, in events of the time before, what columns have that are masked now.

Events are never changed but by this: what it does is a plan first, and leaves an event of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, connections, models, transaction

from pgaudit_log.capture_v1.columns import Mask
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database import own_events, plain_shapes
from pgaudit_log.database.partitions.catalogue import LOCK_TIMEOUT
from pgaudit_log.database.plain_shapes import PlainShape
from pgaudit_log.declaring import former_names
from pgaudit_log.exceptions import InstallationError, PlanError, StalePlanError
from pgaudit_log.values.sql_text import Sql, template
from pgaudit_log.values.tables import column_of, concrete


@dataclass(frozen=True, kw_only=True)
class Step:
    """The events of one shape in one partition that are to be rewritten."""

    model: str
    """The label of the model."""
    columns: tuple[str, ...]
    """The columns that are to be masked, as they are called in these events."""
    partition: str
    """The partition, by its name in SQL."""
    events: int
    """How many events there are."""
    shape: PlainShape = field(repr=False)

    def __str__(self) -> str:
        return f"mask {', '.join(self.columns)} in {self.events:,} events of {self.model} in {self.partition}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as a dict."""
        return {
            "model": self.model,
            "columns": list(self.columns),
            "partition": self.partition,
            "events": self.events,
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be masked, and what is in the way."""

    using: str
    steps: tuple[Step, ...]
    obstacles: tuple[str, ...]
    shapes: tuple[PlainShape, ...] = field(repr=False)
    """The shapes that no event has afterwards, so that they are forgotten."""

    def apply(self) -> None:
        """Mask, one partition after the other, each as a whole or not at all.

        Interrupted, it goes on where it was when it is planned and applied again.

        Raises:
            PlanError: when something is in the way, or another operator is at work.
            StalePlanError: when the plan is not what it would be now.
            InstallationError: when the database refuses it.
        """
        if self.obstacles:
            raise PlanError(f"Nothing was masked. {' '.join(self.obstacles)}")
        if not self.shapes:
            return
        with own_events.only_one(self.using):
            now = plan(self.using)
            if now != self:
                raise StalePlanError(
                    "Nothing was masked: there are other events, or other masks, than when the plan was"
                    " made. Make it again."
                )
            try:
                if self.steps:
                    own_events.write(
                        self.using,
                        own_events.MAINTENANCE,
                        "mask",
                        {"steps": [step.as_dict() for step in self.steps]},
                    )
                for step in self.steps:
                    rewrite(step, self.using)
                with transaction.atomic(using=self.using):
                    _forget(self.shapes, self.using)
            except DatabaseError as error:
                raise InstallationError(
                    f"Not all was masked: {str(error).strip().partition(chr(10))[0]}. What was is done;"
                    " run it again when nothing holds a lock on the event table."
                ) from error
        former_names.forget()


def plan(using: str = "default") -> Plan:
    """Return what events of a database have of columns that are masked now. It writes nothing."""
    with transaction.atomic(using=using):
        shapes = plain_shapes.plain_shapes(using)
        steps = [step for shape in shapes for step in _steps(shape, using)]
        has_events = {step.shape.id for step in steps}
        return Plan(
            using=using,
            steps=tuple(steps),
            obstacles=tuple(_obstacles(shapes, using)) if shapes else (),
            shapes=tuple(shape for shape in shapes if shape.id or shape.id in has_events),
        )


def _steps(shape: PlainShape, using: str) -> list[Step]:
    sql = (
        f"SELECT tableoid::regclass::text, count(*) FROM {EVENT_TABLE} AS event WHERE "
        + plain_shapes.belongs(shape, using)
        + " GROUP BY tableoid ORDER BY 1"
    )
    with connections[using].cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        return [
            Step(
                model=shape.model._meta.label,
                columns=tuple(shape.masks),
                partition=partition,
                events=events,
                shape=shape,
            )
            for partition, events in cursor.fetchall()
        ]


def _obstacles(shapes: Sequence[PlainShape], using: str) -> list[str]:
    found = [
        f"The triggers {', '.join(shape.writers)} of {shape.model._meta.label} still record"
        f" {', '.join(shape.masks)}: run makemigrations and migrate first."
        for shape in shapes
        if shape.writers
    ]
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT current_user, pg_catalog.pg_get_userbyid(relowner)
            FROM pg_class
            WHERE oid = to_regclass(%s) AND NOT pg_has_role(relowner, 'USAGE')
            """,
            [EVENT_TABLE],
        )
        found += [
            f'Events can be masked by their owner, "{owner}", and the role is "{role}": connect as that.'
            for role, owner in cursor.fetchall()
        ]
    return found


def rewrite(step: Step, using: str) -> None:
    """Mask the events of a step in their place; writers of that partition wait until it has ended.

    The guard of the partition is off within the transaction only, which has its table locked.
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        cursor.execute(f"ALTER TABLE {step.partition} DISABLE TRIGGER pgaudit_log_refuse_change")
        masks = {key: mask is Mask.HASH for key, mask in step.shape.masks.items()}
        sql = template("pgaudit_log.operating", "mask_events.sql").sql(
            partition=step.partition,
            belongs=plain_shapes.belongs(step.shape, using),
            masked_shape=Sql.param(_masked_shape(step.shape, using)),
            masks=Sql.param(json.dumps(masks)),
            **_references(step.shape, using),
        )
        cursor.execute(sql.text, sql.params)
        cursor.execute(
            f"ALTER TABLE {step.partition} ENABLE ALWAYS TRIGGER pgaudit_log_refuse_change"
        )


def _masked_shape(shape: PlainShape, using: str) -> int:
    """Return the shape that says the same of names, and that the columns are masked."""
    if shape.id == 0:
        return 0
    given: list[Any] = [shape.table_id, json.dumps(dict(shape.columns)), sorted(shape.masked)]
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO pgaudit_log_shape (table_id, columns, masked) VALUES (%s, %s::jsonb, %s::integer[])
            ON CONFLICT (table_id, columns, masked) DO NOTHING
            """,
            given,
        )
        cursor.execute(
            """
            SELECT id FROM pgaudit_log_shape
            WHERE table_id = %s AND columns = %s::jsonb AND masked = %s::integer[]
            """,
            given,
        )
        id: int = cursor.fetchone()[0]
    return id


def _references(shape: PlainShape, using: str) -> dict[str, Sql]:
    """Return what refs say of the masked foreign keys of a shape, and what of the others they keep."""
    hidden: list[str] = []
    others: list[dict[str, str]] = []
    keys = {name: key for key, name in shape.names.items()}
    for own in concrete(shape.model)._meta.local_fields:
        if not isinstance(own, models.ForeignKey) or column_of(own) not in keys:
            continue
        key = keys[column_of(own)]
        labels = former_names.reference_labels(own.remote_field.model, using, own.target_field)
        if key in shape.masks:
            hidden += labels
        else:
            others += [{"label": label, "key": key} for label in labels]
    return {"hidden": Sql.param(hidden), "others": Sql.param(json.dumps(others))}


def _forget(shapes: Sequence[PlainShape], using: str) -> None:
    """Forget the shapes that no event has any more, so that nobody asks for their events again."""
    gone = [s.id for s in shapes if s.id and not plain_shapes.has_events(s, using)]
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        cursor.execute("ALTER TABLE pgaudit_log_shape DISABLE TRIGGER pgaudit_log_refuse_change")
        cursor.execute("DELETE FROM pgaudit_log_shape WHERE id = ANY (%s)", [gone])
        cursor.execute(
            "ALTER TABLE pgaudit_log_shape ENABLE ALWAYS TRIGGER pgaudit_log_refuse_change"
        )
