"""How long does an export take, and in how much memory? Run it with `python -m benchmarks.exporting`.

Events of orders are written straight into the table, and taken out as the audit admin does it, in a process
of its own for each number and format, whose peak of memory is told beside what it has before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import Any

NUMBERS = (10_000, 1_000_000)

FILL = """
INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff, context_id, context, role)
SELECT
    'shop.Order', (n %% 100000)::text, 'update', 'U',
    jsonb_build_object('id', n %% 100000, 'status', 'paid', 'note', repeat('note ', 30), 'total', 12.50),
    jsonb_build_object('status', jsonb_build_array('new', 'paid')),
    gen_random_uuid(), jsonb_build_object('user', n %% 50, 'user_name', 'ana', 'url', '/orders/'), 'app'
FROM generate_series(1, %s) AS n
"""


def main() -> None:
    """Start a server, fill it, and print the table."""
    from benchmarks import server

    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ["BENCHMARK_VARIANT"] = "pgaudit_log"
    with server.running() as running:
        os.environ["BENCHMARK_DATABASE_URL"] = running.url()
        _set_up()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", run_syncdb=True, verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(FILL, [max(NUMBERS)])
            cursor.execute("ANALYZE pgaudit_log_event")
        connection.close()
        print(
            "| events | format | seconds | of the processor | file, MB | peak memory, MB | before |"
        )
        print("|---|---|---|---|---|---|---|")
        for number in NUMBERS:
            for form in ("csv", "jsonl"):
                asked = [sys.executable, "-m", "benchmarks.exporting", form, str(number)]
                told = subprocess.run(asked, capture_output=True, check=True, text=True).stdout
                one = json.loads(told)
                print(
                    f"| {number:,} | {form} | {one['seconds']:.1f} | {one['processor']:.1f} "
                    f"| {one['size'] / 1e6:.0f} | {one['peak']:.0f} | {one['before']:.0f} |"
                )


def _set_up() -> None:
    import django
    from django.conf import settings

    settings.INSTALLED_APPS = [
        "django.contrib.admin",
        "django.contrib.messages",
        *settings.INSTALLED_APPS,
    ]
    django.setup()


def take(form: str, number: int) -> dict[str, Any]:
    """Take the newest events out, and return what that took."""
    _set_up()
    from pgaudit_log.admin import exported_rows
    from pgaudit_log.admin.access import AdminAccess
    from pgaudit_log.admin.export_formats import FORMATS
    from pgaudit_log.models import Events

    user = SimpleNamespace(is_active=True, is_superuser=True, has_perm=lambda permission: True)
    request: Any = SimpleNamespace(user=user)
    site: Any = SimpleNamespace(_registry={})
    access = AdminAccess(request, site)
    first = Events.objects.newest()[number - 1].pgh_id
    events = Events.objects.filter(pgh_id__gte=first)
    before = _peak()
    started, worked = perf_counter(), process_time()
    rows = exported_rows.rows(events, access)
    size = sum(map(len, FORMATS[form].chunks(rows, exported_rows.columns(access))))
    return {
        "seconds": perf_counter() - started,
        "processor": process_time() - worked,
        "size": size,
        "peak": _peak(),
        "before": before,
    }


def _peak() -> float:
    """Return how many MB this process has had at most."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(take(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
