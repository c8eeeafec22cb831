"""`manage.py generate_load`: writers change the shop for a while; nothing of it may be lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from example_project.load import past
from example_project.load.books import Books
from example_project.load.chores import Chore, usual
from example_project.load.results import Result
from example_project.load.waits import Waits
from example_project.load.writers import APPLICATION, Writers
from pgaudit_log.operating import status, verify


class Command(BaseCommand):
    help = (
        "Lets writers change the shop, and the log be looked after beside them; tells how long they"
        " waited, and whether each event is there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--minutes", type=float, default=1.0, help="How long; by default 1.")
        add("--writers", type=int, default=8, help="How many processes write; by default 8.")
        add("--rate", type=float, default=40.0, help="Things a second, of all; by default 40.")
        add(
            "--beside",
            action="append",
            metavar="COMMAND",
            help="A management command to run each --every seconds; may be repeated. By default"
            " what looks after the log.",
        )
        add("--every", type=float, default=60.0, metavar="SECONDS", help="By default 60.")
        add("--past", type=int, default=0, metavar="DAYS", help="Let the shop be so old first.")
        add("--open-read", action="store_true", help="Keep a read of the whole log open meanwhile.")
        add("--json", action="store_true", help="Write the result as one JSON document.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.is_silent = options["json"]
        call_command("migrate", verbosity=0)
        if options["past"]:
            past.live_through(options["past"], tell=self.say)
        else:
            call_command("load_chinook", stdout=self.stderr if self.is_silent else self.stdout)
        with _open_read() if options["open_read"] else _nothing():
            result = self.run_load(options)
        if self.is_silent:
            self.stdout.write(json.dumps(result.as_document(), indent=2))
        else:
            self.stdout.write("\n".join(["", *result.lines(), ""]))
        if not result.is_good:
            self.stdout.flush()
            raise CommandError("Something is wrong: see above.", returncode=1)

    def run_load(self, options: dict[str, Any]) -> Result:
        """Run the writers and the chores, and return what it came to."""
        chores = [
            Chore(command=command, days=options["past"]) for command in options["beside"] or usual()
        ]
        books, waits, writers = Books(), Waits(application=APPLICATION), Writers()
        books.begin()
        waits.begin()
        writers.begin(options["writers"], seed=uuid4().hex[:8], rate=options["rate"])
        # Writers take a while to start where the machine has much else to do.
        start = time.monotonic()
        end, due = start + options["minutes"] * 60, start + options["every"]
        try:
            while (now := time.monotonic()) < end and writers.are_running():
                time.sleep(max(0.0, min(due, end) - now))
                if time.monotonic() < due:
                    continue
                books.check(writers.take())
                for chore in chores:
                    chore.run()
                due += options["every"]
                self.tell(start, books, writers, waits)
        finally:
            writers.end()
            waits.end()
        seconds = time.monotonic() - start
        books.check(writers.take())
        return _result(seconds, books, writers, waits, chores)

    def tell(self, start: float, books: Books, writers: Writers, waits: Waits) -> None:
        """Write a line of how it stands."""
        seconds = time.monotonic() - start
        self.say(
            f"{seconds // 60:3.0f} min {seconds % 60:2.0f} s  {books.transactions:,} transactions,"
            f" {books.found:,} events, {books.lost} lost, {writers.failed} failed;"
            f" longest wait for a lock {waits.longest:.0f} ms"
        )

    def say(self, text: str) -> None:
        """Write a line, unless the result alone is wanted."""
        if not self.is_silent:
            self.stdout.write(text)
            self.stdout.flush()


def _result(
    seconds: float, books: Books, writers: Writers, waits: Waits, chores: list[Chore]
) -> Result:
    latencies = writers.latencies
    return Result(
        writers=writers.count,
        seconds=seconds,
        transactions=books.transactions,
        failed=writers.failed,
        events_expected=books.expected,
        events_found=books.found,
        lost=books.lost,
        doubled=books.doubled,
        statements=latencies.counts.total(),
        median_ms=latencies.percentile(0.5),
        p99_ms=latencies.percentile(0.99),
        longest_ms=latencies.longest,
        longest_statement=latencies.what,
        longest_lock_wait_ms=waits.longest,
        longest_lock_wait=waits.what,
        longest_table_lock_wait_ms=waits.longest_for_table,
        longest_table_lock_wait=waits.table,
        chores=tuple(asdict(chore) for chore in chores),
        problems=tuple(f"{problem.id} {problem.on}" for problem in status().problems),
        findings=tuple(str(finding) for finding in verify()),
        errors=(*writers.errors, *books.first_wrong),
    )


@contextmanager
def _open_read() -> Iterator[None]:
    """Keep a transaction open that has read the whole log, as a long report does."""
    reader = connections.create_connection("default")
    try:
        with reader.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT count(*) FROM pgaudit_log_event")
            yield
    finally:
        reader.close()


@contextmanager
def _nothing() -> Iterator[None]:
    yield
