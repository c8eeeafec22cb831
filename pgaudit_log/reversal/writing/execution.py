"""Execution: carries a plan out in one transaction, or changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import (
    DatabaseError,
    OperationalError,
    connections,
    transaction,
)
from django.db.transaction import TransactionManagementError

from pgaudit_log.contexts.stack import context
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.diffs import current_rows
from pgaudit_log.exceptions import PlanError, QueryError, StalePlanError
from pgaudit_log.reading import moments
from pgaudit_log.reversal.checking import invariants
from pgaudit_log.reversal.checking.unplanned_references import unplanned_references
from pgaudit_log.reversal.plan import Applied, Plan, Through
from pgaudit_log.reversal.steps import Step, key_after, whole_keys
from pgaudit_log.reversal.writing.model_save import save
from pgaudit_log.values import row_json, row_sql, tables
from pgaudit_log.values.keys import is_shortened
from pgaudit_log.values.tables import column_of


def apply(plan: Plan, *, through: Through, reason: str | None) -> Applied:
    """Carry ``plan`` out; see ``Plan.apply``."""
    if through not in get_args(Through):
        raise QueryError(f"through={through!r} is none of {', '.join(get_args(Through))}.")
    plan.refuse_obstacles()
    metadata = {**plan.reverts, **({"reason": reason} if reason else {})}
    connection = connections[plan.using]
    write = _write if through == "sql" else save
    try:
        with moments.today(), transaction.atomic(using=plan.using), context(**metadata):
            _queue_up(plan)
            _refuse_stale(plan)
            _refuse_new_references(plan)
            repairs = _repairs(plan)
            with connection.cursor() as cursor:
                # Rows may come in an order in which a constraint holds at the end only.
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            for step in plan.steps:
                write(step, plan.using)
            for repair in repairs:
                repair(plan)
            # Now, so that a missing target is this plan's error and not the next commit's.
            connection.check_constraints()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pgaudit_log_txid()")
                return Applied(plan=plan, txid=cursor.fetchone()[0])
    except (OperationalError, TransactionManagementError):
        # A lost connection, a deadlock, an outer block that is broken: not about the plan.
        raise
    except (DatabaseError, ValidationError) as error:
        raise PlanError(
            f"Cannot {plan.action} {plan.subject}; nothing was changed. {_told(error, plan)}"
        ) from error


def _told(error: Exception, plan: Plan) -> str:
    if not isinstance(error, ValidationError):
        text = str(error).strip()
        # In its details PostgreSQL says all values of a row.
        has_masks = any(masks_of(step.model) for step in plan.steps)
        return text.partition("\n")[0] if has_masks else text
    by_field = getattr(error, "error_dict", None)
    if by_field is None:
        return " ".join(error.messages)
    return " ".join(
        f"{name}: {message}" if name != NON_FIELD_ERRORS else message
        for name, messages in error.message_dict.items()
        for message in messages
    )


def _queue_up(plan: Plan) -> None:
    """Wait for plans that insert into the same tables: rows that are not there cannot be locked."""
    labels = sorted({step.label for step in plan.steps if step.action == "insert"})
    with connections[plan.using].cursor() as cursor:
        for label in labels:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"pgaudit_log.reversal {label}"],
            )


def _refuse_stale(plan: Plan) -> None:
    """Lock the rows, and raise if one is not as it was when the plan was made."""
    firsts = [step for step in plan.steps if not step.is_second]
    # What is deleted, or gets another key, must not be pointed at meanwhile.
    leaving = [step for step in firsts if step.action == "delete" or key_after(step) != step.key]
    whole = whole_keys(firsts)
    places = [(step.model, step.key) for step in leaving]
    now = current_rows.read(places, plan.using, lock=row_sql.Lock.KEYS, whole=whole)
    staying = [(s.model, s.key) for s in firsts if s not in leaving]
    now |= current_rows.read(staying, plan.using, lock=row_sql.Lock.VALUES, whole=whole)
    for step in firsts:
        if current_rows.fingerprint(now.get((step.model, step.key))) != step.fingerprint:
            raise StalePlanError(
                f"Cannot {plan.action} {plan.subject}; nothing was changed. {step.label}"
                f" {step.key} has changed since the plan was made. Make the plan again."
            )


def _refuse_new_references(plan: Plan) -> None:
    """Raise if a row that is to be deleted is pointed at by one that the plan does not know.

    The database, or Django, would delete or change it, too.
    """
    for step, other, name in unplanned_references(plan.steps, plan.using):
        raise StalePlanError(
            f"Cannot {plan.action} {plan.subject}; nothing was changed. {other} points at"
            f" {step.label} {step.key} with {name} since the plan was made. Make the plan again."
        )


def _repairs(plan: Plan) -> list[Callable[[Plan], object]]:
    """Return what has to be called after the plan; raise if it would break what it does not say."""
    not_told, repairs = invariants.at_apply(plan)
    for obstacle in not_told:
        raise StalePlanError(
            f"Cannot {plan.action} {plan.subject}; nothing was changed. {obstacle} That has come"
            " since the plan was made. Make the plan again."
        )
    return repairs


def _write(step: Step, using: str) -> None:
    """Write the values of a step, and nothing else."""
    connection = connections[using]
    columns = [f for f in tables.writable_columns(step.model) if column_of(f) in step.state]
    key = step.sought_key
    given, shortened = row_json.join(step.state), is_shortened(step.key) and key == step.key
    match step.action:
        case "insert":
            sql = row_sql.insert_sql(step.model, columns, given, connection)
        case "update":
            sql = row_sql.update_sql(
                step.model, columns, key, given, connection, shortened=shortened
            )
        case "delete":
            sql = row_sql.delete_sql(step.model, key, connection, shortened=shortened)
    with connection.cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        written = cursor.rowcount
    if written == 0 and _is_done(step, using):
        return
    if written != 1:
        raise PlanError(
            f"Cannot {step}: {written} rows were written instead of one. Nothing was changed."
            " A trigger or a rule of the table may keep it from being written."
        )


def _is_done(step: Step, using: str) -> bool:
    """Return whether a step is carried out, be it by a foreign key of the database that cascades."""
    key = key_after(step)
    place = step.model, key
    now = current_rows.read([place], using, whole=whole_keys([step])).get(place)
    if step.action == "delete":
        return now is None
    return (
        step.action == "update"
        and key != step.key
        and now is not None
        and all(now[column] == value for column, value in step.state.items())
    )
