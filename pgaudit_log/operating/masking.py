"""Masking: plans how events of the time before lose what columns have that are masked now.

Partitions are rewritten, each with all that it has to lose. What is held stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction

from pgaudit_log.capture_v1.columns import Mask
from pgaudit_log.constants import AT_KEY, EVENT_TABLE
from pgaudit_log.database import own_events, ownership, plain_shapes
from pgaudit_log.database.partitions import rewriting
from pgaudit_log.database.partitions.catalogue import LOCK_TIMEOUT
from pgaudit_log.database.partitions.copies import Changed, Copies
from pgaudit_log.database.partitions.leaves import Leaf, leaves
from pgaudit_log.database.partitions.locking import Patience
from pgaudit_log.database.plain_shapes import PlainShape
from pgaudit_log.declaring import former_names
from pgaudit_log.operating.holds import Hold, held_sql, holds, refuse_others
from pgaudit_log.operating.partition_obstacles import in_the_way
from pgaudit_log.operating.partition_plans import Masked, Plan, Step
from pgaudit_log.operating.partitioning import resolved, unfinished
from pgaudit_log.operating.staying import Kept
from pgaudit_log.values.sql_text import Sql, template
from pgaudit_log.values.tables import column_of, concrete

CHANGED = ("shape", "snapshot", "diff", "refs")
"""The columns of events in which masked values are."""


def plan(using: str = DEFAULT_DB_ALIAS) -> Plan:
    """Return what events of a database have of columns that are masked now.

    Nothing is written until :meth:`Plan.apply`. It reads all events that may have such values.
    """
    shapes = tuple(plain_shapes.plain_shapes(using))
    role, owner, may = ownership.role_and_owner(using)
    if shapes and not may:
        # Such a role may not see what is held, either.
        lack = ownership.lack_of_ownership(using, role, owner)
        return Plan(using=using, steps=(), obstacles=(lack,), make_again=partial(plan, using))
    standing = tuple(holds(using=using)) if shapes else ()
    referred = {one.number: tuple(_referred(shapes, one, using)) for one in standing}
    question = _Question(using=using, shapes=shapes, holds=standing, referred=referred)
    counts = question.counted()
    steps, obstacles = question.steps(counts)
    obstacles += [
        f"The triggers {', '.join(shape.writers)} of {shape.model._meta.label} still record"
        f" {', '.join(shape.masks)}: run makemigrations and migrate first."
        for shape in shapes
        if shape.writers
    ]
    obstacles += _whole_models({count.shape.model for count in counts}, standing, using)
    obstacles += in_the_way(using, steps)
    empty = [one for one in shapes if one.id and one not in [count.shape for count in counts]]
    return Plan(
        using=using,
        steps=(*unfinished(using), *steps),
        obstacles=tuple(dict.fromkeys(obstacles)),
        notices=tuple(
            f"No event has {', '.join(one.masks)} of {one.model._meta.label} any more as it was"
            " before: that there were such events is forgotten."
            for one in empty
        ),
        kept=tuple(
            Kept(hold=one, events=events)
            for one in standing
            if (events := sum(count.events for count in counts if count.hold == one.number))
        ),
        make_again=partial(plan, using),
        done=question.finish,
    )


@dataclass(frozen=True, kw_only=True)
class _Count:
    """How many events of a shape a partition has, that are held by one hold, or by none."""

    shape: PlainShape
    oid: int
    partition: str
    hold: int
    """The number of the hold; 0 without any."""
    events: int


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What is masked, in spite of which holds."""

    using: str
    shapes: tuple[PlainShape, ...]
    holds: tuple[Hold, ...]
    referred: dict[int, tuple[int, ...]]
    """By the number of a hold, the events that held ones refer to for a large value."""

    def counted(self) -> list[_Count]:
        """Return how many events there are of each shape, by partition and by what holds them."""
        found = []
        for shape in self.shapes:
            sql = (
                f"SELECT tableoid::bigint, tableoid::regclass::text, {self._hold}, count(*)"
                f" FROM {EVENT_TABLE} AS event WHERE "
                + plain_shapes.belongs(shape, self.using)
                + " GROUP BY 1, 2, 3 ORDER BY 2, 3"
            )
            with connections[self.using].cursor() as cursor:
                cursor.execute(sql.text, sql.params)
                found += [
                    _Count(shape=shape, oid=oid, partition=name, hold=hold, events=events)
                    for oid, name, hold, events in cursor.fetchall()
                ]
        return found

    @property
    def _hold(self) -> str:
        """Return, as SQL, the number of the first hold that keeps ``event``; 0 without any."""
        tests = [
            f"WHEN ({held_sql('event', [one], using=self.using)})"
            f" OR event.id = ANY ('{{{', '.join(map(str, self.referred[one.number]))}}}'::bigint[])"
            f" THEN {one.number}"
            for one in self.holds
        ]
        return f"CASE {' '.join(tests)} ELSE 0 END" if tests else "0::integer"

    def steps(self, counts: Sequence[_Count]) -> tuple[list[Step], list[str]]:
        """Return the steps, the oldest partition first, and which partitions cannot be rewritten."""
        there = {leaf.oid: leaf for leaf in leaves(self.using)}
        wanted: dict[int, list[Masked]] = {}
        strange = []
        for count in counts:
            if count.hold:
                continue
            if count.oid not in there:
                strange.append(
                    f"{count.partition} has such events, and is no partition with two bounds: give"
                    " it both, directly below the event table."
                )
                continue
            wanted.setdefault(count.oid, []).append(
                Masked(
                    model=count.shape.model._meta.label,
                    columns=tuple(count.shape.masks),
                    events=count.events,
                )
            )
        return [
            self._step(leaf, tuple(wanted[oid])) for oid, leaf in there.items() if oid in wanted
        ], strange

    def _step(self, leaf: Leaf, masked: tuple[Masked, ...]) -> Step:
        return Step(
            kind="mask",
            partitions=(leaf.name,),
            into=(leaf.name,),
            events=sum(one.events for one in masked),
            masked=masked,
            carry_out=lambda patience: self._mask(leaf, masked, patience),
        )

    def _mask(self, leaf: Leaf, masked: tuple[Masked, ...], patience: Patience) -> None:
        rules = [_rule(shape, self.using) for shape in self.shapes]
        copies = Copies(
            using=self.using,
            olds=resolved(self.using, [leaf.period]),
            news=(leaf.period,),
            changed=Changed(columns=CHANGED, source=self._source(rules)),
        )
        told = {"partition": leaf.name, "masked": [asdict(one) for one in masked]}

        def in_lock(cursor: Any) -> None:
            refuse_others(cursor, self.holds, using=self.using)
            own_events.write(self.using, own_events.MAINTENANCE, "mask", told)

        purpose = [rules, [one.number for one in self.holds]]
        rewriting.rewrite(copies, patience, purpose=purpose, in_lock=in_lock)

    def _source(self, rules: Sequence[str]) -> Sql:
        """Return the query of what ``event`` is afterwards."""
        rule = Sql.plain(f"CASE WHEN {self._hold} <> 0 THEN NULL")
        for shape, text in zip(self.shapes, rules, strict=True):
            belongs = plain_shapes.belongs(shape, self.using)
            rule += " WHEN " + belongs + " THEN " + Sql.param(text) + "::jsonb"
        return template("pgaudit_log.operating", "mask_events.sql").sql(rule=rule + " END")

    def finish(self) -> None:
        """Forget the shapes that no event has any more, so that nobody asks for their events again."""
        gone = [s.id for s in self.shapes if s.id and not plain_shapes.has_events(s, self.using)]
        if gone:
            with (
                transaction.atomic(using=self.using),
                connections[self.using].cursor() as cursor,
            ):
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
                guard = "TRIGGER pgaudit_log_refuse_change"
                cursor.execute(f"ALTER TABLE pgaudit_log_shape DISABLE {guard}")
                cursor.execute("DELETE FROM pgaudit_log_shape WHERE id = ANY (%s)", [gone])
                cursor.execute(f"ALTER TABLE pgaudit_log_shape ENABLE ALWAYS {guard}")
        former_names.forget()


def _referred(shapes: Sequence[PlainShape], one: Hold, using: str) -> Iterator[int]:
    """Yield the events that held ones of some shapes refer to for a value of a masked column."""
    for shape in shapes:
        sql = (
            Sql.plain("SELECT DISTINCT (place.value ->> 'id')::bigint")
            + f" FROM {EVENT_TABLE} AS event CROSS JOIN unnest("
            + Sql.param(list(shape.masks))
            + "::text[]) AS masked (key)"
            + f" CROSS JOIN LATERAL (SELECT event.snapshot -> masked.key -> '{AT_KEY}') AS place (value)"
            + " WHERE "
            + plain_shapes.belongs(shape, using)
            + f" AND ({held_sql('event', [one], using=using)})"
            + " AND place.value ->> 'id' ~ '^-?[0-9]{1,18}$' ORDER BY 1"
        )
        with connections[using].cursor() as cursor:
            cursor.execute(sql.text, sql.params)
            yield from (id for (id,) in cursor.fetchall())


def _whole_models(
    found: set[type[models.Model]], standing: Sequence[Hold], using: str
) -> list[str]:
    """Return what is told of models of which all is held."""
    return [
        f"All events of {model._meta.label} stay as they are: {one}. Release it first."
        for model in sorted(found, key=lambda model: model._meta.label)
        for one in standing
        if one.is_of_everything
        or (one.is_of_a_whole_model and one.model in former_names.labels_of(model, using))
    ]


def _rule(shape: PlainShape, using: str) -> str:
    """Return, as JSON, what is done to the events of a shape."""
    masks = {key: mask is Mask.HASH for key, mask in shape.masks.items()}
    hidden, others = _references(shape, using)
    rule = {"shape": _masked_shape(shape, using), "masks": masks}
    return json.dumps({**rule, "hidden": hidden, "others": others}, sort_keys=True)


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


def _references(shape: PlainShape, using: str) -> tuple[list[str], list[dict[str, str]]]:
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
    return hidden, others
