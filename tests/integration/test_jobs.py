"""Management commands and tasks have a context of their own."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management.base import BaseCommand

import pgaudit_log
from pgaudit_log import jobs
from pgaudit_log.contexts.stack import current
from pgaudit_log.models import Events
from tests.shop.models import Customer


class Command(jobs.AuditCommandMixin, BaseCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        Customer.objects.create(name="Ana")


@pytest.mark.django_db
def test_a_command_records_its_name() -> None:
    from django.core.management import call_command

    call_command(Command(), skip_checks=True)
    assert Events.objects.get().pgh_context == {"command": "test_jobs"}
    assert current() is None


def test_a_context_goes_on_in_another_process() -> None:
    with pgaudit_log.context(user=5) as sender:
        carried = jobs.carry()
    with jobs.resume(carried, job="mail") as resumed:
        assert dict(resumed.metadata) == {"user": 5, "parent_id": str(sender.id), "job": "mail"}
        assert resumed.id != sender.id


def test_without_a_context_there_is_nothing_to_carry() -> None:
    assert jobs.carry() is None
    with jobs.resume(None, job="mail") as resumed:
        assert dict(resumed.metadata) == {"job": "mail"}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore")  # of Celery's own
def test_a_celery_task_records_its_name_and_who_sent_it() -> None:
    from celery import Celery
    from celery.contrib.testing.worker import start_worker

    app = Celery("tests", broker="memory://", backend="cache+memory://")
    seen: list[Any] = []

    @app.task(name="tests.work")
    def work() -> None:
        running = current()
        assert running is not None
        seen.append(dict(running.metadata))

    jobs.connect_celery()
    with start_worker(app, perform_ping_check=False):
        with pgaudit_log.context(user=5) as sender:
            first = work.delay()
        first.get(timeout=20)
        second = work.delay()
        second.get(timeout=20)
    assert seen == [
        {"user": 5, "parent_id": str(sender.id), "task": "tests.work", "task_id": first.id},
        {"task": "tests.work", "task_id": second.id},
    ]


def test_a_job_has_room_for_what_it_adds_to_a_large_context(db: None) -> None:
    with pgaudit_log.context(user=7, note="x" * 65_400):
        message = jobs.carry()
    assert message is not None
    with jobs.resume(message, job="send invoice"):
        Customer.objects.create(name="Ana")
    context = Events.objects.latest().pgh_context
    assert (context["user"], context["job"]) == (7, "send invoice")
    assert context["parent_id"] == message["id"]
    assert context["note"].startswith("x" * 10_000)


def test_what_a_job_adds_itself_has_to_be_right() -> None:
    with pgaudit_log.context(user=7):
        message = jobs.carry()
    assert message is not None
    with pytest.raises(pgaudit_log.ContextError, match="job"):
        jobs.resume(message, job=object())
