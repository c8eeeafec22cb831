"""An import that is killed goes on where it was, and writers go on meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.projects import Project, driver, project

pytestmark = pytest.mark.slow

IMPORT = (
    *("pgaudit_log", "import", "pghistory", "--apply", "--model", "store.Item"),
    *("--table", "store.Item=their_itemevent", "--batch-size", "200"),
)

OBJECTS, RECORDS = 500, 20

MAKE = f"""
CREATE TABLE their_itemevent (
    pgh_id serial PRIMARY KEY, pgh_created_at timestamptz, pgh_label text, pgh_obj_id bigint,
    id bigint, name varchar(50)
);
INSERT INTO their_itemevent (pgh_created_at, pgh_label, pgh_obj_id, id, name)
SELECT
    '2024-01-01'::timestamptz + n / 7 * interval '1 hour',
    CASE WHEN n < {OBJECTS} THEN 'insert' ELSE 'update' END,
    1 + n % {OBJECTS}, 1 + n % {OBJECTS}, 'v' || n / {OBJECTS}
FROM generate_series(0, {OBJECTS * RECORDS - 1}) AS n;
ALTER TABLE store_item DISABLE TRIGGER USER;
INSERT INTO store_item (id, name)
SELECT n, 'v{RECORDS - 1}' FROM generate_series(1, {OBJECTS}) AS n;
ALTER TABLE store_item ENABLE TRIGGER USER
"""


class Writer:
    """Somebody who changes items for as long as a block runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.written = 0
        self.error: BaseException | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ends.set()
        self._thread.join()

    def _write(self) -> None:
        try:
            connection = driver.connect(self.url)
            connection.autocommit = True
            cursor = connection.cursor()
            while not self._ends.is_set():
                key = 1 + self.written * 7 % OBJECTS
                cursor.execute("UPDATE store_item SET name = 'w' || name WHERE id = %s", [key])
                self.written += 1
                time.sleep(0.002)
            connection.close()
        except BaseException as error:
            self.error = error


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("runs")) as made:
        made.manage("makemigrations", "store")
        made.manage("migrate")
        yield made


def ask(url: str, sql: str) -> Any:
    connection = driver.connect(url)
    connection.autocommit = True
    try:
        cursor = connection.cursor()
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def killed(made: Project) -> None:
    """Start the import and kill its process once it has written something."""
    url = made.environment["PROJECT_DATABASE_URL"]
    running = subprocess.Popen(
        [sys.executable, "-m", "django", *IMPORT],
        cwd=made.folder,
        env=made.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert running.stdout is not None
    while running.poll() is None:
        [[written]] = ask(url, "SELECT count(*) FROM pgaudit_log_event WHERE id < 0")
        if written:
            running.kill()
        time.sleep(0.01)
    assert running.returncode == -9, running.stdout.read().decode()
    running.stdout.close()


def by_itself(made: Project, code: str) -> tuple[int, str]:
    """Run some code in a process that may die; return its status and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()\n" + code],
        cwd=made.folder,
        env=made.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_killed_import_goes_on_beside_writers(shop: Project, tmp_path: Path) -> None:
    url = shop.environment["PROJECT_DATABASE_URL"]
    ask(url, MAKE)
    killed(shop)
    records = (
        "SELECT (origin ->> 'id')::int FROM pgaudit_log_event"
        " WHERE id < 0 AND origin ? 'id' ORDER BY id"
    )
    before = [id for (id,) in ask(url, records)]
    assert before == list(range(1, len(before) + 1))
    assert 0 < len(before) < OBJECTS * RECORDS
    with Writer(url) as writer:
        shop.manage(*IMPORT)
    assert writer.error is None
    assert writer.written > 0
    assert [id for (id,) in ask(url, records)] == list(range(1, OBJECTS * RECORDS + 1))
    assert ask(url, "SELECT to_regclass('pgaudit_log_import')") == [(None,)]
    # Each change is there once: from the first record to the row as it is.
    told = shop.shell(
        """
        from pgaudit_log.operating import verify
        from store.models import Item
        from django.db import connection
        from django.utils import timezone
        past = dict(Item.objects.as_of(timezone.now()).values_list("pk", "name"))
        print(past == dict(Item.objects.values_list("pk", "name")), list(verify()))
        c = connection.cursor()
        c.execute('''
            SELECT count(*) FROM (
                SELECT
                    diff -> 'name' ->> 0 AS before,
                    lag(snapshot ->> 'name') OVER (PARTITION BY obj_pk ORDER BY id) AS left_behind
                FROM pgaudit_log_event
                WHERE model = 'store.Item' AND operation IN ('I', 'U')
            ) AS change
            WHERE before <> left_behind
        ''')
        print(c.fetchone()[0])
        """
    )
    assert told.splitlines() == ["True []", "0"]


OLDER = f"""
CREATE TABLE their_olditemevent (LIKE their_itemevent);
INSERT INTO their_olditemevent (pgh_id, pgh_created_at, pgh_label, pgh_obj_id, id, name)
SELECT
    n, '2022-01-01'::timestamptz + n / 3 * interval '1 hour',
    CASE WHEN n <= 40 THEN 'insert' ELSE 'update' END,
    {OBJECTS} + 1 + n % 40, {OBJECTS} + 1 + n % 40, 'v' || n
FROM generate_series(1, 8000) AS n;
ALTER TABLE store_item DISABLE TRIGGER USER;
INSERT INTO store_item (id, name)
SELECT DISTINCT ON (id) id, name FROM their_olditemevent ORDER BY id, pgh_id DESC;
ALTER TABLE store_item ENABLE TRIGGER USER
"""

DYING = """
import os
from pgaudit_log import importing
from pgaudit_log.database.partitions import attaching
from pgaudit_log.importing import months, seams, transfer
from store.models import Item

months.LEAST = 1

def dies(module, name, calls, afterwards=False):
    original = getattr(module, name)
    def dying(*arguments, **options):
        global calls_left
        calls_left -= 1
        if not calls_left and not afterwards:
            os._exit(9)
        made = original(*arguments, **options)
        if not calls_left:
            os._exit(9)
        return made
    global calls_left
    calls_left = calls
    setattr(module, name, dying)

{dies}
plan = importing.plan("pghistory", models=[Item], tables={{Item: ["their_olditemevent"]}})
plan.apply(batch_size=200)
"""

DEATHS = {
    "dies(transfer, 'run', 1)": 0,
    "dies(attaching, 'add_indexes', 1)": 0,
    "dies(attaching, 'attach', 1, afterwards=True)": 0,
    "dies(attaching, 'add_indexes', 2)": 1,
    "dies(attaching, 'attach', 2)": 2,
    "dies(seams, 'close', 1)": 4,
}
"""Where a process dies, and how many months are there then, in all."""


def test_an_import_of_filled_months_dies_anywhere_and_goes_on(shop: Project) -> None:
    url = shop.environment["PROJECT_DATABASE_URL"]
    ask(url, OLDER)
    mine = "FROM pgaudit_log_event WHERE id < 0 AND origin ->> 'table' = 'their_olditemevent'"
    for death, months in DEATHS.items():
        status, told = by_itself(shop, DYING.format(dies=death))
        assert status == 9, told
        [[events, newest, there]] = ask(
            url,
            f"SELECT count(*), max((origin ->> 'id')::int), count(DISTINCT tableoid) {mine}",
        )
        assert (there, events) == (months, newest or 0), death
    with Writer(url) as writer:
        status, told = by_itself(shop, DYING.format(dies=""))
    assert (status, writer.error) == (0, None), told
    ids = [
        id
        for (id,) in ask(url, f"SELECT (origin ->> 'id')::int {mine} AND origin ? 'id' ORDER BY id")
    ]
    assert ids == list(range(1, 8001))
    assert ask(url, "SELECT relname FROM pg_class WHERE relname LIKE 'pgaudit_log_import%'") == []
    wrong = f"""
        SELECT count(*) FROM (
            SELECT diff -> 'name' ->> 0 AS before,
                lag(snapshot ->> 'name') OVER (PARTITION BY obj_pk ORDER BY id) AS left_behind {mine}
        ) AS change
        WHERE before IS DISTINCT FROM left_behind
    """
    assert ask(url, wrong) == [(0,)]
