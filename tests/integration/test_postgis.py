"""GeoDjango's fields on PostGIS: read, filtered, as of, gone back to, each to the last bit.

On a server that has PostGIS, with GDAL and GEOS beside Django; elsewhere the tests are skipped.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.psycopg_any import is_psycopg3

from tests.projects import SETTINGS, Project, project

pytestmark = [pytest.mark.slow, pytest.mark.everywhere]

if is_psycopg3:
    import psycopg as driver
else:
    import psycopg2 as driver  # type: ignore[no-redef,import-untyped]

MODELS = """
from django.contrib.gis.db import models

import pgaudit_log


class Fields(models.Model):
    name = models.TextField()
    point = models.PointField()
    spot = models.PointField(geography=True, null=True)
    peak = models.PointField(dim=3, srid=4979, null=True)
    area = models.MultiPolygonField(srid=3857, null=True)
    shape = models.GeometryField(null=True)

    class Meta:
        abstract = True


@pgaudit_log.track(level=pgaudit_log.Row)
class RowPlace(Fields):
    pass


@pgaudit_log.track(level=pgaudit_log.Statement)
class StatementPlace(Fields):
    pass
"""

IMPORTS = """
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon, Point, Polygon
from django.contrib.gis.measure import D
from django.db import connection

from pgaudit_log import diffs, reversal
from pgaudit_log.models import Events
from store.models import RowPlace, StatementPlace

FIELDS = ("point", "spot", "peak", "area", "shape")
ring = ((0, 0), (0, 10.1), (10, 10), (10, 0), (0, 0))
hole = ((1, 1), (1, 2), (2, 2), (2, 1), (1, 1))
VALUES = dict(
    point=Point(13.404954000000001, 52.520008, srid=4326),
    spot=Point(-0.1 - 0.2, 1 / 3, srid=4326),
    peak=Point(86.925, 27.9881, 8848.86, srid=4979),
    area=MultiPolygon(Polygon(ring, hole), Polygon(((20, 20), (20, 30), (30, 30), (20, 20))), srid=3857),
    shape=GEOSGeometry("SRID=4326;GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1e-7),POLYGON EMPTY)"),
)
OTHER = dict(point=Point(1, 2, srid=4326), spot=None, peak=Point(1, 2, -3, srid=4979),
             area=None, shape=Point(5, 6, srid=4326))


def exact(obj):
    return [None if value is None else (value.srid, bytes(value.ewkb))
            for value in (getattr(obj, name) for name in FIELDS)]


def is_as(obj, values):
    return exact(obj) == exact(type("Values", (), values))


def stored(obj):
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT point::bytea, spot::bytea, peak::bytea, area::bytea, shape::bytea"
            f" FROM {model._meta.db_table} WHERE id = %s", [obj.pk])
        return [None if value is None else bytes(value) for value in cursor.fetchone()]

"""

BEFORE = """
model.objects.all().delete()
place = model.objects.create(name="old", **VALUES)
bits = stored(place)
place = model.objects.get()
assert is_as(place, VALUES)
for name, value in OTHER.items():
    setattr(place, name, value)
place.save()
created = place.events.get(pgh_label="insert")
updated = place.events.get(pgh_label="update")
"""


def _skip_reason() -> str | None:
    try:
        from django.contrib.gis import gdal, geos
    except ImproperlyConfigured as error:
        return str(error)
    connection = driver.connect(os.environ["DATABASE_URL"])
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'")
        if cursor.fetchone() == (0,):
            return "the server has no PostGIS"
        return None if gdal.gdal_version() and geos.geos_version() else "no GDAL"
    finally:
        connection.close()


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose tracked models have a field of each kind."""
    reason = _skip_reason()
    if reason is not None:
        # Where it is meant to be there, as in CI, its absence is no reason to test nothing.
        (pytest.fail if os.environ.get("PGAUDIT_LOG_TEST_POSTGIS") else pytest.skip)(reason)
    with project(tmp_path_factory.mktemp("atlas")) as made:
        made.write("store/models.py", MODELS)
        made.write(
            "settings.py",
            SETTINGS
            + 'INSTALLED_APPS += ["django.contrib.gis"]\n'
            + 'DATABASES["default"]["ENGINE"] = "django.contrib.gis.db.backends.postgis"\n',
        )
        made.manage("makemigrations", "store")
        made.manage("migrate")
        yield made


@pytest.fixture
def run(atlas: Project) -> Callable[[str], str]:
    """Run code in the project for a model of each level: inserted with VALUES, updated to OTHER."""

    def run_for_each_level(code: str) -> str:
        each = textwrap.indent(BEFORE + textwrap.dedent(code), "    ")
        return atlas.shell(f"{IMPORTS}\nfor model in (RowPlace, StatementPlace):\n{each}")

    return run_for_each_level


def test_typed_events_have_geometries_to_the_last_bit(run: Callable[[str], str]) -> None:
    run(
        """
        assert is_as(created, VALUES) and is_as(updated, OTHER)
        assert created.area.num_geom == 2 and created.peak.z == 8848.86
        place.delete()
        deleted = model.pgh_event_model.objects.filter(pgh_label="delete").latest("pgh_id")
        assert is_as(deleted, OTHER)
        """
    )


def test_typed_events_are_filtered_by_place(run: Callable[[str], str]) -> None:
    run(
        """
        events = model.pgh_event_model.objects.filter(pgh_obj_id=str(place.pk))

        def labels(**conditions):
            return list(events.filter(**conditions).values_list("pgh_label", flat=True))

        assert labels(point=VALUES["point"]) == ["insert"]
        assert labels(area__contains=Point(5, 5, srid=3857)) == ["insert"]
        assert labels(area__contains=Point(1.5, 1.5, srid=3857)) == []
        assert labels(spot__distance_lte=(Point(-0.3, 0.3333, srid=4326), D(km=1))) == ["insert"]
        assert labels(point__bboverlaps=Point(1, 2, srid=4326).buffer(0.1)) == ["update"]
        assert labels(area__isnull=True) == ["update"]
        assert [e.pgh_label for e in place.events.changed("point", new=OTHER["point"])] == ["update"]
        """
    )


def test_the_past_has_geometries_and_is_filtered_by_place(run: Callable[[str], str]) -> None:
    run(
        """
        assert is_as(model.objects.as_of(created).get(), VALUES)
        assert is_as(model.objects.as_of(updated).get(), OTHER)
        inside = dict(area__contains=Point(5, 5, srid=3857))
        assert model.objects.as_of(created).filter(**inside).count() == 1
        assert model.objects.as_of(updated).filter(**inside).count() == 0
        """
    )


def test_what_differs_is_told_field_by_field(run: Callable[[str], str]) -> None:
    run(
        """
        found = diffs.diff(created, updated)
        assert set(FIELDS) <= set(found)
        assert found["point"].old == VALUES["point"] and found["point"].new == OTHER["point"]
        assert set(diffs.changes(updated)) == set(found)
        assert diffs.blame(place)["area"].event == Events.objects.get(pk=updated.pk)
        """
    )


def test_a_geometry_is_reverted_and_undone_to_the_last_bit(run: Callable[[str], str]) -> None:
    run(
        """
        created.revert()
        assert stored(place) == bits and is_as(model.objects.get(), VALUES)
        reversal.undo(place.events.latest("pgh_id")).apply()
        assert is_as(model.objects.get(), OTHER)
        reversal.undo(updated, on_conflict="force").apply(through="save")
        assert stored(place) == bits and is_as(model.objects.get(), VALUES)
        """
    )


def test_what_was_deleted_is_restored_to_the_last_bit(run: Callable[[str], str]) -> None:
    run(
        """
        created.revert()
        model.objects.get().delete()
        deleted = model.pgh_event_model.objects.filter(pgh_label="delete").latest("pgh_id")
        reversal.restore(deleted).apply()
        assert stored(place) == bits and is_as(model.objects.get(), VALUES)
        """
    )


def test_baselines_have_geometries(run: Callable[[str], str]) -> None:
    run(
        """
        import pgtrigger
        from pgaudit_log.backfill import backfill

        with pgtrigger.ignore():
            older = model.objects.create(name="older", **VALUES)
        backfill(model)
        assert is_as(older.events.get(), VALUES)
        """
    )


def test_a_save_that_changes_no_geometry_makes_no_event(run: Callable[[str], str]) -> None:
    run(
        """
        model.objects.get().save()
        assert place.events.count() == 2
        """
    )


def test_the_command_line_shows_geometries(run: Callable[[str], str]) -> None:
    run(
        """
        from django.core.management import call_command

        call_command("pgaudit_log", "trail", "--limit", "5")
        call_command("pgaudit_log", "show", str(updated.pk))
        call_command("pgaudit_log", "as-of", model._meta.label, "--at-event", str(created.pk))
        call_command("pgaudit_log", "revert", model._meta.label, str(place.pk), "--to-event", str(created.pk))
        """
    )
