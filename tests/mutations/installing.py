"""What tells where a database is not as it was installed, mends it, and takes capture out again."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_INSTALLING = "tests/integration/test_installing.py"
_TAMPERING = "tests/integration/test_tampering.py"
_TENANTS = "tests/integration/test_tenants.py"
_UNDECLARED = "tests/integration/test_undeclared_views.py"
_UNINSTALLING = "tests/integration/test_uninstalling.py"
_VIEWS = "tests/integration/test_views.py"

MUTATIONS = (
    Mutation(
        what="install: views that are missing are not made",
        find="        views = install_views(using)\n    finally:",
        put="        views: list[str] = []\n    finally:",
        tests=(f"{_INSTALLING}::test_what_is_missing_is_told_and_made",),
    ),
    Mutation(
        what="install: any view of a database is taken for what is no longer tracked",
        find="""                AND obj_description(pg_class.oid, 'pg_class') ~ '(^|\\\\n)pgaudit_log:\\\\S*$'
""",
        put="",
        tests=(f"{_UNDECLARED}::test_what_is_not_ours_is_never_dropped",),
    ),
    Mutation(
        what="install: views of what is no longer tracked stay",
        find="    kept = undeclared_views.drop(undeclared, connections[using])",
        put="    kept: list[undeclared_views.Kept] = []",
        tests=(f"{_UNDECLARED}::test_the_view_of_what_is_no_longer_tracked_is_dropped_and_told",),
    ),
    Mutation(
        what="install: a view is taken for what its comment says",
        find='            and mark["hash"] == f"{view.hash}:{self.definition}"',
        put='            and mark["hash"].startswith(f"{view.hash}:")',
        tests=(f"{_TAMPERING}::test_a_view_that_was_changed",),
    ),
    Mutation(
        what="install: a view that is made anew has the privileges of a new one",
        find="            cursor.execute(grant.sql(view))",
        put="            pass",
        tests=(f"{_VIEWS}::test_a_view_keeps_owner_privileges_options_and_comments",),
    ),
    Mutation(
        what="install: views get no barrier",
        find='    options = [f"{BARRIER} = true"] * view.is_barrier',
        put="    options: list[str] = []",
        tests=(f"{_VIEWS}::test_with_a_barrier_a_view_shows_its_own_rows_only",),
    ),
    Mutation(
        what="install: what others put on the tables of the log is not told",
        find="        found = [description for (description,) in cursor.fetchall()]\n        for name",
        put="        found: list[str] = []\n        for name",
        tests=(f"{_TAMPERING}::test_what_others_put_on_our_tables_is_told_and_left",),
    ),
    Mutation(
        what="uninstall: the events go, too",
        find="        steps=(*unfinished, *steps, *(_of_schema(schema) if with_events else ())),",
        put="        steps=(*unfinished, *steps, *_of_schema(schema)),",
        tests=(f"{_UNINSTALLING}::test_capture_goes_and_events_stay_until_install_makes_it_again",),
    ),
    Mutation(
        what="uninstall: what others read is taken from them",
        find='                if others and (with_events or kind != "table")',
        put="                if False",
        tests=(f"{_UNINSTALLING}::test_what_others_read_is_not_taken_from_them",),
    ),
    Mutation(
        what="install: one history of several tenants is none",
        find="            found.setdefault(events, []).append(table)",
        put="            pass",
        tests=(f"{_TENANTS}::test_one_event_table_for_all_tenants_is_told",),
    ),
)
