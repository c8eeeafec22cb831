"""A worker: a project with one package in a process of its own, which prints what its probes found."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

STAGES = ("first", "dropped", "sqlite")


def main(stage: str) -> None:
    """Run what a stage asks for; the last line of the output is the result."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.comparison.settings"
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a package prints must not become an answer
    import django

    try:
        django.setup()
    except Exception as error:
        if stage != "sqlite":
            raise
        answers.write(json.dumps({"verdict": "no", "seen": _line(error)}))
        answers.flush()
        return
    found = {"first": all_of_them, "dropped": after_drop, "sqlite": on_sqlite}[stage]()
    answers.write(json.dumps(found))
    answers.flush()


def all_of_them() -> dict[str, Any]:
    """Make the tables and run the probes; return their answers by name."""
    from django.conf import settings

    from benchmarks.comparison.probes import all_probes
    from benchmarks.comparison.rows import execute, order, save
    from benchmarks.comparison.ways import way_of

    _migrate()
    execute(
        "ALTER TABLE orders_stamp DROP CONSTRAINT IF EXISTS stamp_order,"
        " ADD CONSTRAINT stamp_order FOREIGN KEY (order_id)"
        " REFERENCES orders_order ON DELETE CASCADE"
    )
    execute(
        "DO $$ DECLARE name text; BEGIN FOR name IN SELECT conname FROM pg_constraint"
        " WHERE conrelid = 'orders_stamp'::regclass AND contype = 'f' AND conname <> 'stamp_order'"
        " LOOP EXECUTE format('ALTER TABLE orders_stamp DROP CONSTRAINT %I', name); END LOOP; END $$"
    )
    way = way_of(settings.PACKAGE.name)
    later = ("dropped_field", "sqlite")
    answers = {p.name: _answer(p, way) for p in all_probes() if p.name not in later}
    own = order(way, note="kept")
    save(way, own, status="paid")
    save(way, own, note="changed")
    return {"answers": answers, "order": own.pk, "facts": _facts()}


def after_drop() -> dict[str, Any]:
    """Drop the field from the model and look whether events still have its values."""
    from django.conf import settings

    from benchmarks.comparison.answers import either
    from benchmarks.comparison.orders.models import Order
    from benchmarks.comparison.ways import way_of

    _migrate()
    events = way_of(settings.PACKAGE.name).events(Order, os.environ["COMPARED_ORDER"])
    kept = any("kept" in str(value) for row in events.values() for value in row.values())
    return asdict(either(kept, "its values are gone from all events"))


def on_sqlite() -> dict[str, Any]:
    """Save an order in a database of SQLite."""
    from django.conf import settings

    from benchmarks.comparison.answers import captured, no
    from benchmarks.comparison.rows import news, order, save
    from benchmarks.comparison.ways import way_of

    way = way_of(settings.PACKAGE.name)
    try:
        _migrate()
        own = order(way)
        found = captured(
            news(way, own, lambda: save(way, own, status="paid")), "update", status="paid"
        )
    except Exception as error:
        # Whatever it is that does not work there.
        found = no(_line(error))
    return asdict(found)


def _line(error: Exception) -> str:
    """Return the name of an error, which says enough in a table."""
    return f"refused: {type(error).__name__}"


def _migrate() -> None:
    from django.core.management import call_command

    call_command("makemigrations", "orders", verbosity=0, interactive=False)
    call_command("migrate", verbosity=0, interactive=False)


def _answer(probe: Any, way: Any) -> dict[str, str]:
    from benchmarks.comparison.answers import no
    from benchmarks.comparison.ways.base import NotOfferedError

    try:
        return asdict(probe.run(way))
    except NotOfferedError:
        return asdict(no("not offered"))
    except Exception as error:
        print(f"{way.__module__}, {probe.name}:", traceback.format_exc(), file=sys.stderr)
        raise RuntimeError(f"The probe {probe.name} failed with {way.__module__}.") from error


def _facts() -> dict[str, Any]:
    """Return what the package's own metadata say."""
    from importlib.metadata import metadata, version

    from django.conf import settings

    found = metadata(settings.PACKAGE.distribution)
    classifiers = found.get_all("Classifier") or []
    djangos = [
        c.rpartition(" :: ")[2] for c in classifiers if c.startswith("Framework :: Django :: ")
    ]
    statuses = [c.rpartition(" - ")[2] for c in classifiers if c.startswith("Development Status")]
    licence = found.get("License-Expression") or found.get("License") or ""
    if not licence:
        licence = ", ".join(
            c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: OSI Approved")
        )
    return {
        "version": version(settings.PACKAGE.distribution),
        "licence": licence.splitlines()[0] if licence else "not said",
        "Python": found.get("Requires-Python") or "not said",
        "Django": ", ".join(djangos) or "not said",
        "status": statuses[0] if statuses else "not said",
    }


if __name__ == "__main__":
    Path(os.environ["COMPARED_MIGRATIONS"], "orders_migrations").mkdir(exist_ok=True)
    Path(os.environ["COMPARED_MIGRATIONS"], "orders_migrations", "__init__.py").touch()
    main(sys.argv[1])
