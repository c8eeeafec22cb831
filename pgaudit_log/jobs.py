"""Contexts for what runs outside a request: management commands, Celery tasks, other queues."""

from __future__ import annotations

import json
from typing import Any, TypedDict

from pgaudit_log.constants import CONTEXT_MAX_BYTES
from pgaudit_log.contexts.salvage import salvaged
from pgaudit_log.contexts.serialization import serialize
from pgaudit_log.contexts.stack import context, current
from pgaudit_log.exceptions import ContextError

HEADER = "pgaudit_log"
"""The message header in which a Celery task receives the context it was sent in."""


class Carried(TypedDict):
    """A context on its way to another process; plain JSON."""

    id: str
    metadata: dict[str, Any]


def carry() -> Carried | None:
    """Return the running context so that another process can go on with it, or ``None``.

    Give it to :func:`resume` there.
    """
    running = current()
    if running is None:
        return None
    text = running.carried(writing=True)
    return {"id": str(running.id), "metadata": json.loads(text[36:])}


def resume(carried: Carried | None, **metadata: Any) -> context:
    """Return a :class:`~pgaudit_log.context` that goes on with what another process had.

    It has an id of its own; ``parent_id`` says which context it came from. Where there is no
    room for both, what came from there is cut: a job does not fail for what sent it.

    Raises:
        ContextError: for ``metadata`` that cannot be carried.
    """
    if carried is None:
        return context(**metadata)
    own = {"parent_id": carried["id"], **metadata}
    try:
        return context(**{**carried["metadata"], **own})
    except ContextError:
        room = CONTEXT_MAX_BYTES - len(serialize(own))
        return context(**{**salvaged(carried["metadata"], room)[0], **own})


class AuditCommandMixin:
    """Runs a management command in a context with its name as ``command``.

    Example::

        class Command(AuditCommandMixin, BaseCommand):
            ...
    """

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run the command in its context."""
        with context(**self.get_context(*args, **options)):
            return super().execute(*args, **options)  # type: ignore[misc]

    def get_context(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Return what is recorded; override it to record more."""
        return {"command": type(self).__module__.rpartition(".")[2]}


def connect_celery() -> None:
    """Run each Celery task in a context with its name and id, and with the context that sent it.

    Call it once, where the Celery app is made, in the processes that send tasks and in
    the workers.
    """
    from celery import signals

    signals.before_task_publish.connect(_send_context, dispatch_uid=HEADER, weak=False)
    signals.task_prerun.connect(_enter_task, dispatch_uid=HEADER, weak=False)
    signals.task_postrun.connect(_leave_task, dispatch_uid=HEADER, weak=False)


def _send_context(headers: dict[str, Any], **kwargs: Any) -> None:
    carried = carry()
    if carried is not None:
        headers[HEADER] = carried


def _enter_task(task_id: str, task: Any, **kwargs: Any) -> None:
    block = resume(task.request.get(HEADER), task=task.name, task_id=task_id)
    block.__enter__()
    task.request.pgaudit_log_block = block


def _leave_task(task: Any, **kwargs: Any) -> None:
    block = getattr(task.request, "pgaudit_log_block", None)
    if block is not None:
        block.__exit__(None, None, None)
