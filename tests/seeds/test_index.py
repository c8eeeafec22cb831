"""The examples of the page "index" run as printed."""

from __future__ import annotations

import pytest

from tests.seeds.opening import Open

pytestmark = pytest.mark.slow


def test_quick_start(example: Open) -> None:
    example("quick_start").use()


def test_quick_start_stores_changes_of_bulk_methods(example: Open) -> None:
    quick_start = example("quick_start")
    quick_start.do("""
        TrackedModel.objects.bulk_create(
            [TrackedModel(int_field=1, text_field="a"), TrackedModel(int_field=2, text_field="b")]
        )
        TrackedModel.objects.update(int_field=3)
    """)
    assert quick_start.value(
        "TrackedModelEvent.objects.values_list('pgh_obj', 'pgh_label', 'int_field')"
    ) == [(1, "insert", 1), (2, "insert", 2), (1, "update", 3), (2, "update", 3)]


def test_quick_start_stores_changes_in_raw_sql(example: Open) -> None:
    quick_start = example("quick_start")
    quick_start.do("""
        from django.db import connection

        m = TrackedModel.objects.create(int_field=1, text_field="hello")
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {TrackedModel._meta.db_table} SET int_field = 2")
    """)
    assert quick_start.value("m.events.values_list('int_field', flat=True)") == [1, 2]
