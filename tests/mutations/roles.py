"""What keeps an application's role from the log."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_ROLES = "tests/integration/test_roles.py"
_PROJECT = "tests/integration/test_roles_project.py"

MUTATIONS = (
    Mutation(
        what="every role counts as one that may write the log",
        find="SELECT has_table_privilege(pg_roles.oid, '@schema@.pgaudit_log_event'::regclass, 'INSERT')",
        put="SELECT true",
        tests=(
            f"{_ROLES}::test_ignoring_a_trigger_does_not_count_of_the_application",
            f"{_ROLES}::test_the_function_behind_it_believes_no_argument",
        ),
    ),
    Mutation(
        what="a manual event may have the shape of another table",
        find="                AND own.id = pgaudit_log_write_manual.shape;",
        put="                ;",
        tests=(f"{_ROLES}::test_the_function_behind_it_believes_no_argument",),
    ),
    Mutation(
        what="harden takes nothing away",
        find="        yield from _revokes(thing, role)",
        put="        pass",
        tests=(f"{_ROLES}::test_drift_is_told_and_mended",),
    ),
    Mutation(
        what="migrate and install do not keep a database hardened",
        find="        rights = hardening.mend(using)",
        put="        rights = []",
        tests=(
            f"{_ROLES}::test_what_is_new_comes_out_the_same",
            f"{_ROLES}::test_a_new_partition_comes_out_the_same",
            f"{_PROJECT}::test_who_migrates_makes_what_is_new_as_it_should_be",
        ),
    ),
    Mutation(
        what="harden minds no membership",
        find="    for other in role.member_of:",
        put="    for other in ():",
        tests=(f"{_ROLES}::test_a_role_that_privileges_do_not_bind_is_in_the_way",),
    ),
)
