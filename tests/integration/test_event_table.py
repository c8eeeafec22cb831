"""The event table: partitions, append-only, and a schema that equals the frozen migration."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from pgaudit_log import sql
from pgaudit_log.database import event_table, installation
from pgaudit_log.database.installed_schema import KEPT, UPDATED
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.database.partitions.calendar import period_at, periods_from
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.models import Events
from tests.shop.models import Customer
from tests.support import execute

pytestmark = pytest.mark.django_db

NOW = datetime.now(timezone.utc)


def relations() -> list[str]:
    """Return the event table and its partitions."""
    return [
        row[0] for row in execute("SELECT relid::text FROM pg_partition_tree('pgaudit_log_event')")
    ]


def test_migrate_makes_the_partitions_of_this_month_and_the_next_three() -> None:
    wanted = periods_from(NOW, "month", 3)
    assert set(wanted) <= set(catalogue.existing("default"))


def test_an_event_lies_in_the_partition_of_its_month(customer: Customer) -> None:
    [(table,)] = execute("SELECT tableoid::regclass::text FROM pgaudit_log_event")
    assert table == period_at(NOW, "month").table


def test_an_event_of_a_time_without_a_partition_lies_in_the_default_one() -> None:
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, label, operation)"
        " VALUES ('1999-01-01', 'm', 'l', 'I')"
    )
    assert execute("SELECT tableoid::regclass::text FROM pgaudit_log_event") == [
        ("pgaudit_log_event_default",)
    ]


def test_every_partition_is_frozen_when_it_is_first_vacuumed() -> None:
    options = execute(
        "SELECT pg_class.reloptions FROM pg_partition_tree('pgaudit_log_event') AS leaf"
        " JOIN pg_class ON pg_class.oid = leaf.relid WHERE leaf.isleaf"
    )
    assert len(options) >= 5
    for (found,) in options:
        assert "autovacuum_freeze_min_age=0" in found


def test_every_partition_has_the_storage_options_of_the_indexes() -> None:
    indexes = execute(
        "SELECT pg_am.amname, pg_index.indrelid::regclass::text, pg_class.reloptions"
        " FROM pg_partition_tree('pgaudit_log_event') AS leaf"
        " JOIN pg_index ON pg_index.indrelid = leaf.relid"
        " JOIN pg_class ON pg_class.oid = pg_index.indexrelid JOIN pg_am ON pg_am.oid = pg_class.relam"
        " WHERE leaf.isleaf AND NOT pg_index.indisprimary"
    )
    wanted = {
        "brin": ["autosummarize=on"],
        "gin": ["gin_pending_list_limit=256"],
        "btree": ["deduplicate_items=off"],
    }
    assert {kind for kind, *_ in indexes} == set(wanted)
    for kind, partition, options in indexes:
        assert options == wanted[kind], partition


def brin(function: str, partition: str, *arguments: Any) -> Any:
    """Return what a function of BRIN says of the index of a partition."""
    marks = "".join(", %s" for _ in arguments)
    [(found,)] = execute(
        f"SELECT {function}(indexrelid{marks}) FROM pg_index"
        " JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam"
        " WHERE indrelid = %s::regclass AND amname = 'brin'",
        [*arguments, partition],
    )
    return found


def leave_out_the_first_range(partition: str) -> None:
    """Make the index as one with more pages is, whose last range is not complete."""
    brin("brin_desummarize_range", partition, 0)


def ranges_left_out(partition: str) -> Any:
    """Return how many ranges of pages the index of a partition left out; it no longer does."""
    return brin("brin_summarize_new_values", partition)


def test_a_new_month_finishes_the_index_of_those_that_are_over(customer: Customer) -> None:
    past, present = period_at(NOW - timedelta(days=40), "month"), period_at(NOW, "month")
    catalogue.Plan(using="default", create=[past]).apply()
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, label, operation)"
        " VALUES (%s, 'm', 'l', 'I')",
        [past.start],
    )
    for period in (past, present):
        leave_out_the_first_range(period.table)
    newest = catalogue.existing("default")[-1]
    execute(f"DROP TABLE {newest.table}")
    assert installation.install("default").partitions == (newest.table,)
    assert ranges_left_out(past.table) == 0
    assert ranges_left_out(present.table) >= 1


@pytest.mark.slow
@pytest.mark.everywhere
def test_finishing_waits_for_nobody(customer: Customer, monkeypatch: Any) -> None:
    monkeypatch.setattr(catalogue, "LOCK_TIMEOUT", "1ms")
    present = period_at(NOW, "month")
    leave_out_the_first_range(present.table)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"LOCK TABLE {present.table} IN SHARE UPDATE EXCLUSIVE MODE")
            catalogue.finish_past("default", now=present.end)
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert ranges_left_out(present.table) >= 1


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_bounds_are_utc_whatever_the_session_thinks(zone: str) -> None:
    execute("SELECT set_config('TimeZone', %s, true)", [zone])
    moment = datetime(2031, 5, 31, 23, 30, tzinfo=timezone.utc)
    catalogue.plan("default", now=moment).apply()
    execute("SELECT set_config('TimeZone', 'UTC', true)")
    [(found,)] = execute(
        """
        SELECT pg_get_expr(relpartbound, oid) FROM pg_class
        WHERE relname = 'pgaudit_log_event_20310501_20310601'
        """
    )
    assert found == ("FOR VALUES FROM ('2031-05-01 00:00:00+00') TO ('2031-06-01 00:00:00+00')")


def test_planning_again_plans_nothing() -> None:
    assert catalogue.plan("default").create == ()


def test_a_period_that_overlaps_what_there_is_is_left_alone(settings: Any) -> None:
    settings.PGAUDIT_LOG_PARTITION_INTERVAL = "day"
    settings.PGAUDIT_LOG_PARTITIONS_AHEAD = 2
    assert catalogue.plan("default", now=NOW).create == ()


def test_a_period_with_events_in_the_default_partition_is_reported(capsys: Any) -> None:
    moment = datetime(2040, 2, 3, tzinfo=timezone.utc)
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, label, operation)"
        " VALUES (%s, 'm', 'l', 'I')",
        [moment],
    )
    plan = catalogue.plan("default", now=moment)
    assert plan.occupied == (period_at(moment, "month"),)
    plan.apply()
    assert period_at(moment, "month") not in catalogue.existing("default")
    assert Events.objects.count() == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET label = 'x'", "DELETE FROM {}", "TRUNCATE {}"]
)
@pytest.mark.parametrize("on", ["parent", "leaf", "default"])
@pytest.mark.parametrize("replica", [False, True])
def test_events_are_append_only(customer: Customer, statement: str, on: str, replica: bool) -> None:
    table = {
        "parent": "pgaudit_log_event",
        "leaf": period_at(NOW, "month").table,
        "default": "pgaudit_log_event_default",
    }[on]
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, label, operation)"
        " VALUES ('1999-01-01', 'm', 'l', 'I')"
    )
    if replica:
        execute("SELECT set_config('session_replication_role', 'replica', true)")
    with (
        pytest.raises(IntegrityError, match="refused: events are append-only"),
        transaction.atomic(),
    ):
        execute(statement.format(table))
    assert Events.objects.count() == 2


def test_an_upsert_cannot_change_an_event(customer: Customer) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        execute(
            """
            INSERT INTO pgaudit_log_event (id, created_at, model, label, operation)
            OVERRIDING SYSTEM VALUE
            SELECT id, created_at, model, 'forged', operation FROM pgaudit_log_event
            ON CONFLICT (id, created_at) DO UPDATE SET label = excluded.label
            """
        )


def test_every_partition_refuses_truncate() -> None:
    guarded = execute(
        """
        SELECT tgrelid::regclass::text FROM pg_trigger
        WHERE tgname = 'pgaudit_log_refuse_truncate' AND tgenabled = 'A'
        """
    )
    assert {name for (name,) in guarded} == {*relations(), *KEPT, *UPDATED}


def test_a_partition_refuses_truncate_from_the_moment_it_is_made() -> None:
    before = set(relations())
    catalogue.plan("default", now=datetime(2031, 5, 15, tzinfo=timezone.utc)).apply()
    made = set(relations()) - before
    assert made
    for partition in made:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            execute(f"TRUNCATE {partition}")


def definitions() -> list[tuple[Any, ...]]:
    """Return what the schema consists of: columns, indexes, triggers and functions."""
    return execute(
        """
        SELECT 'function', proname, pg_get_functiondef(pg_proc.oid)
        FROM pg_proc
        WHERE proname LIKE 'pgaudit\\_log\\_%' AND proname NOT LIKE 'pgaudit\\_log\\_when\\_%'
        UNION ALL
        SELECT 'index', relname, pg_get_indexdef(pg_class.oid)
        FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
        WHERE relname LIKE 'pgaudit\\_log\\_%'
        UNION ALL
        SELECT 'trigger', tgrelid::regclass::text || tgname, pg_get_triggerdef(oid) || tgenabled::text
        FROM pg_trigger WHERE tgname LIKE 'pgaudit\\_log\\_%'
        UNION ALL
        SELECT 'column', attrelid::regclass::text || attname,
            concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attcollation,
                col_description(attrelid, attnum), pg_get_expr(adbin, adrelid))
        FROM pg_attribute
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid IN ('pgaudit_log_event'::regclass, 'pgaudit_log_event_default'::regclass)
            AND attnum > 0
        ORDER BY 1, 2
        """
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_the_frozen_migration_makes_what_the_sql_files_make() -> None:
    migrated = definitions()
    execute("DROP TABLE pgaudit_log_event CASCADE")
    event_table.install_schema("default")
    installation.install("default")
    assert definitions() == migrated
    assert len([row for row in migrated if row[0] == "function"]) == sql.template().count(
        "CREATE OR REPLACE FUNCTION"
    )


def test_installing_again_changes_nothing() -> None:
    before = definitions()
    event_table.install_schema("default")
    assert installation.install("default") == installation.Report()
    assert definitions() == before


def test_the_command_says_what_it_made(capsys: Any) -> None:
    execute("DROP VIEW shop_orderevent")
    call_command("pgaudit_log", "install")
    call_command("pgaudit_log", "install")
    assert capsys.readouterr().out.splitlines() == [
        "Made the view shop_orderevent.",
        "Everything is in place.",
    ]


def test_the_command_refuses_a_database_that_is_not_migrated() -> None:
    execute("DROP TABLE pgaudit_log_event CASCADE")
    with pytest.raises(
        CommandError, match='The database "default" has no event table. Run migrate'
    ):
        call_command("pgaudit_log", "trail")


def test_an_outdated_view_is_replaced() -> None:
    execute("DROP VIEW shop_orderevent")
    execute("CREATE VIEW shop_orderevent AS SELECT 1 AS one")
    execute("COMMENT ON VIEW shop_orderevent IS 'pgaudit_log:old'")
    assert installation.install("default").views == ("shop_orderevent",)


def test_another_relation_with_the_name_of_a_view_is_an_error_that_harms_nothing() -> None:
    execute("DROP VIEW shop_orderevent")
    execute("CREATE TABLE shop_orderevent (mine integer)")
    with pytest.raises(InstallationError, match="shop_orderevent cannot be created"):
        installation.install("default")
    assert execute("SELECT count(*) FROM shop_orderevent") == [(0,)]


def test_a_write_to_a_typed_view_is_refused_by_the_database(customer: Customer) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE shop_customerevent SET pgh_label = 'x'")
    assert Events.objects.get().pgh_label == "insert"
