"""Rewrites under writers: killed again and again, they lose no event, and end when they are let."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from pgaudit_log.database.partitions.leaves import leftovers
from pgaudit_log.exceptions import PlanError
from pgaudit_log.models import Events
from pgaudit_log.operating import plan_partitions, plan_retention, verify
from pgaudit_log.values.ages import Age
from tests.partitions import clean_log, last_periods, make_partitions, write_events
from tests.shop.models import Customer
from tests.support import execute

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.long]

MONTHS = last_periods(3)
EVENTS = 4_000
KILLS = 12

OPERATOR = """
import django
django.setup()
from django.db import connections
connections["default"].settings_dict["NAME"] = {name!r}
from pgaudit_log.operating import plan_partitions, plan_retention
from pgaudit_log.exceptions import PgauditLogError
from pgaudit_log.values.ages import Age
steps = (
    lambda: plan_partitions(split={month!r}, into="day").apply(),
    lambda: plan_partitions(merge_older_than=Age.of("1d"), into="month").apply(),
    lambda: plan_retention(older_than=Age.of("45d"), models=["shop.Old"]).apply(),
)
while True:
    for step in steps:
        # Some have nothing to do, as the one before was killed.
        try:
            step()
        except PgauditLogError:
            pass
"""


@contextmanager
def writing() -> Iterator[list[int]]:
    """Write beside the block; the list has the keys whose events were committed."""
    is_over, written = threading.Event(), []

    def write() -> None:
        while not is_over.is_set():
            written.append(Customer.objects.create(name="x").pk)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_killed_at_any_time() -> None:
    with clean_log():
        make_partitions(MONTHS)
        start, length = MONTHS[0].start, MONTHS[-1].end - MONTHS[0].start
        for model in ("shop.Old", "shop.Kept"):
            write_events(
                model,
                [(start + length * n / EVENTS, str(n % 50), "U", {"n": n}) for n in range(EVENTS)],
            )
        code = OPERATOR.format(name=connection.settings_dict["NAME"], month=MONTHS[-1].table)
        choice, killed = random.Random(1), 0
        with writing() as written:
            for _ in range(KILLS):
                operator = subprocess.Popen(
                    [sys.executable, "-c", code],
                    cwd=Path(__file__).parents[2],
                    env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                with suppress(subprocess.TimeoutExpired):
                    operator.wait(timeout=choice.uniform(1.5, 6))
                killed += operator.poll() is None
                operator.send_signal(signal.SIGKILL)
                operator.wait()
        finish()
        assert killed > 0
        assert leftovers("default") == []
        assert Events.objects.filter(pgh_obj_model="shop.Kept").count() == EVENTS
        assert Events.objects.filter(pgh_obj_model="shop.Customer").count() == len(written)
        newest = execute(
            "SELECT count(DISTINCT obj_pk), max((snapshot ->> 'n')::integer)"
            " FROM pgaudit_log_event WHERE model = 'shop.Old'"
        )
        assert newest == [(50, EVENTS - 1)]
        assert list(verify([Customer])) == []


def finish() -> None:
    """Let the partitions be what they are to be, once the server has seen the last one off."""
    until = timezone.now() + timedelta(seconds=30)
    while True:
        try:
            plan_partitions().apply()
            plan_partitions(merge_older_than=Age.of("1d"), into="month").apply()
            plan_retention(older_than=Age.of("45d"), models=["shop.Old"]).apply()
        except PlanError:
            if timezone.now() > until:
                raise
        else:
            return
