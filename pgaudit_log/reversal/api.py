"""The doors to plans: ``revert()``, ``undo()`` and ``restore()``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import models, router

from pgaudit_log.constants import DELETE, OPERATIONS, UPDATE
from pgaudit_log.declaring.parts import parts_of
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import moments, raw_events, standings, whole_objects
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reversal.checking import invariants
from pgaudit_log.reversal.checking.left_out_rows import examine_chosen
from pgaudit_log.reversal.obstacles import Kind, Obstacle
from pgaudit_log.reversal.options import Choices, OnConflict
from pgaudit_log.reversal.plan import Plan, PlanAction
from pgaudit_log.reversal.requested_events import alias_of, changes_in, context_id, read_event
from pgaudit_log.reversal.targets import Target
from pgaudit_log.reversal.targets.at import target_at
from pgaudit_log.reversal.targets.cascade import deleted_with
from pgaudit_log.reversal.targets.fold import fold
from pgaudit_log.reversal.targets.parts import part_targets
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.keys import key_fields, key_text, whole_key_text
from pgaudit_log.values.tables import concrete, parents_of


def revert(
    obj: models.Model,
    to: Any,
    *,
    parts: bool = False,
    fields: Sequence[str] | None = None,
    on_conflict: OnConflict = "abort",
    ignore_missing: bool = False,
    leave_out: Iterable[Kind | Obstacle | str] = (),
    values: Mapping[str, Any] | None = None,
    using: str | None = None,
) -> Plan:
    """Return the plan that gives ``obj`` the values that it had.

    Only tracked fields change. An object that was deleted since is brought back. The rows
    that it inherits by multi-table inheritance go back to the same moment.

    Args:
        obj: the object; the instance need not be up to date.
        to: one of its events, for the values that the event shows, or an aware datetime. With
            ``parts``, an event of its timeline, also of a part.
        parts: whether its parts go back to the same moment: what ``track(follow=…)`` names.
            Those that came since are deleted, or go back to where they were; those that
            were deleted, or moved to another object, come back.
        fields: names of the only fields to change; not with ``parts``.
        on_conflict: accepted as by :func:`undo`; going back to a state overwrites later changes.
        ignore_missing: leave values out whose column the model no longer has.
        leave_out: rows to leave as they are, as with :func:`undo`.
        values: by field, for what must have a value and was not tracked, where the object
            has to be brought back.
        using: the database; by default the one that the routers give for writing.

    Raises:
        QueryError: for an event of another object, or what is no moment.
        UnknownPastError: when the object, or a part, was not tracked yet.
        DeclarationError: for a relation that cannot be followed.
    """
    if not isinstance(obj, models.Model):
        raise QueryError(f"revert() was given {obj!r}, which is no object. Give an instance.")
    model = concrete(type(obj))
    # An object of the past has a database of the past.
    alias = str(using or router.db_for_write(model, instance=obj))
    choices = Choices(
        on_conflict=on_conflict,
        ignore_missing=ignore_missing,
        leave_out=_listed(leave_out),
        fields=fields,
        values=values or {},
    )
    recorded_past.of_model(model)
    tables = [model, *parents_of(model)]
    if parts and fields is not None:
        raise QueryError("revert() was given both fields= and parts=True. Give one of them.")
    choices.refuse_unknown([*tables, *(part.model for part in parts_of(model) if parts)])
    if obj.pk is None:
        raise QueryError(f"Cannot revert {obj!r}: it was never saved.")
    moment = Moment.of(to, alias)
    of_parts: list[Target] = []
    event = to if moment.after is not None else None
    if parts:
        whole = whole_objects.load(model, key_text(obj.pk, key_fields(model)), alias)
        if event is not None and standings.paths(whole).get(event.pgh_id):
            # An event of a part says of the object when it was, and no more.
            event = None
        is_deletion = event is not None and event.pgh_operation == DELETE
        of_parts = part_targets(whole, moment, event if is_deletion else None)
    targets = [
        target_at(table, whole_key_text(obj.pk, key_fields(table)), event, moment, alias)
        for table in tables
        if recorded_past.is_tracked(table)
    ]
    reverts = (
        {"reverts_event": to.pgh_id} if moment.after is not None else {"reverts_to": str(moment)}
    )
    return _plan(
        "revert",
        f"{model._meta.label} {obj.pk}{' with its parts' if parts else ''} to {moment}",
        _each_once([*targets, *of_parts]),
        choices=choices,
        reverts=reverts,
        using=alias,
    )


def _each_once(targets: Iterable[Target]) -> list[Target]:
    """Return targets without those of rows that an earlier one is of."""
    by_place: dict[tuple[type[models.Model], str], Target] = {}
    for target in targets:
        by_place.setdefault(target.place, target)
    return [*by_place.values()]


def undo(
    event: Any = None,
    *,
    txid: int | None = None,
    context: Any = None,
    fields: Sequence[str] | None = None,
    on_conflict: OnConflict = "abort",
    ignore_missing: bool = False,
    leave_out: Iterable[Kind | Obstacle | str] = (),
    values: Mapping[str, Any] | None = None,
    using: str | None = None,
) -> Plan:
    """Return the plan that takes back one event, a whole transaction, or a whole context.

    What was inserted is deleted, what was deleted comes back, and what was changed gets
    its old value, in each field that still has the new one.

    Args:
        event: the event to take back.
        txid: the transaction to take back.
        context: the context to take back: its id, or a context.
        fields: names of the only fields to change, for an event.
        on_conflict: what to do with a field that was changed later: ``"abort"`` lets it
            stand in the way, ``"skip"`` leaves it as it is, ``"force"`` sets it. ``"skip"`` leaves
            a whole row as it is for what others did to rows around it.
        ignore_missing: leave values out whose column the model no longer has.
        leave_out: rows to leave as they are, together with what depends on them: a :class:`Kind` of
            obstacle for all rows that have such a one, an obstacle of a plan, or a row as plans
            name it: ``["taken", "shop.Order 5"]``.
        values: by field, for what must have a value and was not tracked.
        using: the database; by default the one that the routers give for writing, with the event
            as their hint: without a router, the one of the event.

    Raises:
        QueryError: for what is not in the log, or changed nothing.
    """
    given = [
        name
        for name, value in (("event", event), ("txid", txid), ("context", context))
        if value is not None
    ]
    if len(given) != 1:
        raise QueryError(
            f"undo() was given {' and '.join(given) or 'nothing'}. Give an event, txid= or context=."
        )
    choices = Choices(
        on_conflict=on_conflict,
        ignore_missing=ignore_missing,
        leave_out=_listed(leave_out),
        fields=fields,
        values=values or {},
    )
    alias = alias_of(event, using)
    if event is not None:
        found = read_event(event, alias)
        subject, reverts = f"event {event.pgh_id}", {"reverts_event": event.pgh_id}
    elif txid is not None:
        if not isinstance(txid, int):
            raise QueryError(f"txid={txid!r} is no transaction. Give its number.")
        found = raw_events.read(Events.objects.filter(pgh_txid=txid), alias)
        subject, reverts = f"transaction {txid}", {"reverts_txid": txid}
    else:
        id = context_id(context)
        found = raw_events.read(Events.objects.filter(pgh_context_id=id), alias)
        subject, reverts = f"context {id}", {"reverts_context": str(id)}
    if not found:
        raise QueryError(f"There are no events of {subject} in the log of the database {alias!r}.")
    changes = changes_in(found, subject)
    choices.refuse_unknown([record.model for record in changes])
    return _plan("undo", subject, fold(changes), choices=choices, reverts=reverts, using=alias)


def restore(
    event: Any,
    *,
    ignore_missing: bool = False,
    leave_out: Iterable[Kind | Obstacle | str] = (),
    values: Mapping[str, Any] | None = None,
    using: str | None = None,
) -> Plan:
    """Return the plan that brings a deleted object back, with what was deleted with it.

    Those are the rows that pointed at it, or at one of those, and were deleted by the same
    transaction; foreign keys that this transaction set to NULL point at it again.

    Args:
        event: the event of the deletion.
        ignore_missing: leave values out whose column the model no longer has.
        leave_out: rows to leave as they are, as with :func:`undo`.
        values: by field, for what must have a value and was not tracked.
        using: the database; by default as with :func:`undo`.

    Raises:
        QueryError: for an event that is no deletion.
    """
    alias = alias_of(event, using)
    [first] = read_event(event, alias)
    subject = f"event {event.pgh_id}"
    if first.operation != DELETE:
        operation = OPERATIONS.get(first.operation, first.operation)
        raise QueryError(
            f"Cannot restore {subject}: it is no deletion but one of operation {operation!r}."
            " To go back to it, call revert()."
        )
    of_transaction = raw_events.read(
        Events.objects.filter(pgh_txid=event.pgh_txid, pgh_operation__in=(UPDATE, DELETE)),
        alias,
    )
    choices = Choices(
        ignore_missing=ignore_missing, leave_out=_listed(leave_out), values=values or {}
    )
    chosen = deleted_with(first, of_transaction)
    choices.refuse_unknown([record.model for record in chosen])
    return _plan(
        "restore",
        f"{first.label} {first.key}, deleted by {subject}",
        fold(chosen),
        choices=choices,
        reverts={"reverts_event": event.pgh_id},
        using=alias,
    )


def _listed(given: Iterable[Any]) -> Iterable[Any]:
    """Return what may be read but once as a list; a text as it is, to be refused."""
    return given if isinstance(given, str) else [*given]


def _plan(
    action: PlanAction,
    subject: str,
    targets: Sequence[Target],
    *,
    choices: Choices,
    reverts: Mapping[str, Any],
    using: str,
) -> Plan:
    with moments.today():
        findings = examine_chosen(targets, choices, using)
    plan = Plan(
        action=action,
        subject=subject,
        steps=findings.steps,
        obstacles=findings.obstacles,
        left_alone=findings.left_alone,
        reverts=dict(reverts),
        using=using,
    )
    return invariants.told(plan)


arevert = sync_to_async(revert)
aundo = sync_to_async(undo)
arestore = sync_to_async(restore)
