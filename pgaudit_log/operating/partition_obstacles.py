"""Obstacles of partitions: rights, names that are taken, readers by name, what one alone has."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connections

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database import ownership
from pgaudit_log.database.partitions.leaves import leaves
from pgaudit_log.operating.partition_plans import Step

READ_DEFAULT = 16 * 1024 * 1024
"""How large the DEFAULT partition may be where it is read while everybody waits."""


def in_the_way(using: str, steps: Sequence[Step]) -> list[str]:
    """Return what stands in the way of steps: rights, names that are taken, readers of partitions."""
    found = []
    role, owner, may = ownership.role_and_owner(using)
    if steps and not may:
        found.append(ownership.lack_of_ownership(using, role, owner))
    replaced = {name for step in steps for name in step.partitions}
    # It is read when it is attached, and when another is: but moving out of it is the way out.
    is_read = any(step.kind not in ("move", "create") for step in steps)
    there = leaves(using)
    made = {name for step in steps for name in step.into} - replaced
    found += [
        f"The partition {name} cannot be made: there is a table of that name, which is no partition"
        " of the event table. Attach it (ALTER TABLE … ATTACH PARTITION), or rename or drop it."
        for name in _taken(using, made - {leaf.name for leaf in there})
    ]
    for leaf in there:
        if leaf.name in replaced and leaf.readers:
            found.append(
                f"{leaf.name} is read by {', '.join(leaf.readers)}. Let that read the event table."
            )
        if leaf.name in replaced and leaf.publications:
            found.append(
                f"{leaf.name} is named by the publication {', '.join(leaf.publications)}. Let it"
                " publish the event table instead."
            )
        if leaf.name in replaced and leaf.extras:
            found.append(
                f"{leaf.name} alone has the {', the '.join(leaf.extras)}, which would be lost. Put that"
                " on the event table, or drop it."
            )
        if leaf.period is None and leaf.size > READ_DEFAULT and is_read:
            found.append(
                f"{leaf.name} has {leaf.size // 1024 // 1024} MB, which would be read while writers"
                " wait. Move what lies in it first: pgaudit_log partitions --apply."
            )
    return found


def _taken(using: str, names: set[str]) -> list[str]:
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT relname::text FROM pg_class WHERE relname = ANY (%s)"
            " AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass(%s))"
            " ORDER BY 1",
            [sorted(names), EVENT_TABLE],
        )
        return [name for (name,) in cursor.fetchall()]
